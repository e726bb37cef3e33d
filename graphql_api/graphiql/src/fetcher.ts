/** How GraphiQL asks the server: queries and mutations over HTTP, subscriptions over WebSocket, both
 * as whoever is signed in. */
import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { Kind, parse } from 'graphql';
import { createClient, type Client } from 'graphql-ws';

import type { Session } from './session';

export function fetcherFor(graphqlUrl: string, session: Session): Fetcher {
  const http = new URL(graphqlUrl, location.href);
  const sockets = createClient({
    url: http.href.replace(/^http/, 'ws'),
    connectionParams: async () => {
      const token = await session.token();
      return token ? { authorization: `Bearer ${token}` } : {};
    },
  });
  followTheToken(session, () => sockets.terminate());
  const ask = createGraphiQLFetcher({
    url: http.href,
    fetch: signedFetch(session),
    wsClient: answering(sockets),
    enableIncrementalDelivery: false,
  });
  return (params, options) =>
    ask({ ...params, operationName: operationIn(params.query, params.operationName) }, options);
}

/** The name, if the document has such an operation. For a moment after a change of tabs GraphiQL still
 * gives the name of the tab before. */
function operationIn(query: string, name: string | null | undefined): string | undefined {
  try {
    const named = parse(query).definitions.some(
      (each) => each.kind === Kind.OPERATION_DEFINITION && each.name?.value === name,
    );
    return named ? (name ?? undefined) : undefined;
  } catch {
    return name ?? undefined; // the server says what is wrong with the document
  }
}

/** `fetch` with the token. A header that the user wrote into GraphiQL's own editor goes before it. */
function signedFetch(session: Session): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    if (headers.has('Authorization')) return fetch(input, init);
    const send = async () => {
      const token = await session.token();
      if (token) headers.set('Authorization', `Bearer ${token}`);
      else headers.delete('Authorization');
      return fetch(input, { ...init, headers });
    };
    const response = await send();
    if (!session.renewable || !(await refusesTheToken(response))) return response;
    await session.refresh();
    return send();
  };
}

/** The server's clock may be ahead of this machine's, so that a token is refused before we expect it. */
async function refusesTheToken(response: Response): Promise<boolean> {
  if (response.status === 401) return true;
  const text = await response.clone().text();
  return text.length < 10_000 && text.includes('"UNAUTHENTICATED"');
}

/** A socket keeps the token that it was opened with: cut it, and the client connects again with the
 * new one and takes its subscriptions up. */
function followTheToken(session: Session, reconnect: () => void): void {
  let before = session.current().signedIn;
  session.watch(() => {
    const { signedIn } = session.current();
    if (signedIn !== before) reconnect();
    before = signedIn;
  });
}

/** GraphiQL shows answers; a subscription that the server refuses gives it bare errors instead. */
function answering(sockets: Client): Client {
  return {
    ...sockets,
    subscribe: (payload, sink) =>
      sockets.subscribe(payload, {
        ...sink,
        error(reason) {
          if (!Array.isArray(reason)) return sink.error(reason);
          sink.next({ errors: reason });
          sink.complete();
        },
      }),
  };
}
