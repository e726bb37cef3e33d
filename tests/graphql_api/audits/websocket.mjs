// Talks to the server at the address given with graphql-ws's own client; prints what it got, as JSON.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const client = createClient({
  url: process.argv[2],
  webSocketImpl: WebSocket,
  connectionParams: { authorization: "Bearer ada" },
  lazy: true,
  retryAttempts: 0,
});

async function all(query, variables) {
  const results = [];
  try {
    for await (const result of client.iterate({ query, variables })) results.push(result);
  } catch (errors) {
    results.push({ refused: errors });
  }
  return results;
}

const [query, counted, faulty] = await Promise.all([
  all("{ hello }"),
  all("subscription ($to: Int!) { count(to: $to) }", { to: 3 }),
  all("subscription {"),
]);
const after = await all("{ hello }");

const events = client.iterate({ query: "subscription { events }" });
const first = await events.next();
await events.return();
const afterCancelling = await all("{ hello }");
await client.dispose();
process.stdout.write(JSON.stringify({ query, counted, faulty, after, first, afterCancelling }));
