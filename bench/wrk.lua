-- Posts BODY as the holder of TOKEN, and tells what came of it in one line.
local file = io.open(os.getenv("BODY"), "rb")
wrk.body = file:read("*a")
file:close()
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer " .. os.getenv("TOKEN")

done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("TOLD %d %d %d %f %f\n", summary.requests, summary.duration,
    e.status + e.connect + e.read + e.timeout, latency:percentile(50), latency:percentile(99)))
end
