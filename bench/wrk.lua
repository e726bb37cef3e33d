-- Posts what is in ASKED, a line a request: the token, a tab, the body. Each request is the next line's.
-- Tells what came of it in one line.
local asked = {}
for line in io.lines(os.getenv("ASKED")) do
  local token, body = line:match("^(%S+)\t(.*)$")
  local headers = { host = "127.0.0.1", ["content-type"] = "application/json", authorization = "Bearer " .. token }
  asked[#asked + 1] = wrk.format("POST", nil, headers, body)
end

local turn = 0
request = function()
  turn = turn % #asked + 1
  return asked[turn]
end

done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("TOLD %d %d %d %f %f\n", summary.requests, summary.duration,
    e.status + e.connect + e.read + e.timeout, latency:percentile(50), latency:percentile(99)))
end
