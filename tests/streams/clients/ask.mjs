// Asks by Apollo Client what it is told to, a line of JSON each way:
// {"query", "variables", "token"} in, {"data"} or {"fault"} out.
//
//   node ask.mjs ADDRESS
import { createInterface } from "node:readline";

import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client/core";
import { SetContextLink } from "@apollo/client/link/context";

let token;
const signed = new SetContextLink(({ headers }) => ({
  headers: token ? { ...headers, authorization: `Bearer ${token}` } : headers,
}));
const client = new ApolloClient({
  link: signed.concat(new HttpLink({ uri: `http://${process.argv[2]}/graphql` })),
  cache: new InMemoryCache(),
});

for await (const line of createInterface({ input: process.stdin })) {
  const { query, variables, token: given } = JSON.parse(line);
  token = given;
  const document = gql(query);
  try {
    const { data } = /^\s*mutation/.test(query)
      ? await client.mutate({ mutation: document, variables })
      : await client.query({ query: document, variables, fetchPolicy: "network-only" });
    console.log(JSON.stringify({ data }));
  } catch (fault) {
    console.log(JSON.stringify({ fault: String(fault) }));
  }
}
