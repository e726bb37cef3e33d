// Follows the log of an execution to its end with one of the clients that people use, taking it up
// again where it stood whenever the connection is cut. Prints each batch as a line of JSON.
//
//   node follow.mjs graphql-ws|graphql-sse|apollo ADDRESS TOKEN EXECUTION
import { ApolloClient, gql, InMemoryCache } from "@apollo/client/core";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";

const [kind, address, token, id] = process.argv.slice(2);
const authorization = `Bearer ${token}`;
const query = `
  subscription Follow($id: ID!, $after: String) {
    executionLogs(executionId: $id, after: $after) { lines { seq } cursor ended }
  }`;

const socket = () =>
  createWs({
    url: `ws://${address}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    retryAttempts: 0,
  });

const iterators = {
  "graphql-ws": () => {
    const client = socket();
    return (variables) => client.iterate({ query, variables });
  },
  "graphql-sse": () => {
    const client = createSse({
      url: `http://${address}/graphql/stream`,
      headers: { authorization },
      retryAttempts: 0,
    });
    return (variables) => client.iterate({ query, variables });
  },
  apollo: () => {
    const link = new GraphQLWsLink(socket());
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    const document = gql(query);
    return (variables) => iterate(client.subscribe({ query: document, variables }));
  },
};

async function* iterate(observable) {
  const results = [];
  let wake, over, fault;
  const push = (change) => {
    change();
    wake?.();
  };
  observable.subscribe({
    next: (result) => push(() => (result.error ? (fault = result.error) : results.push(result))),
    error: (error) => push(() => (fault = error)),
    complete: () => push(() => (over = true)),
  });
  while (true) {
    while (results.length) yield results.shift();
    if (fault) throw fault;
    if (over) return;
    await new Promise((resolve) => (wake = resolve));
  }
}

const subscribe = iterators[kind]();
let after = null;
let ended = null;
let cuts = 0;
while (!ended) {
  try {
    for await (const { data } of subscribe({ id, after })) {
      const { lines, cursor } = data.executionLogs;
      ({ ended } = data.executionLogs);
      after = cursor;
      process.stdout.write(`${JSON.stringify({ seen: lines.map((line) => line.seq), ended })}\n`);
    }
  } catch (error) {
    cuts += 1;
    if (cuts > 50) throw error;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
process.exit(0);
