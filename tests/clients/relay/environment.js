import { createClient } from 'graphql-ws';
import relay from 'relay-runtime';

const { Environment, Network, Observable, RecordSource, Store } = relay;

/** `session` holds the tokens of a sign-in. Sends documents by text, or by id if they are persisted. */
export function makeEnvironment({ url, session, fetch = globalThis.fetch, socket }) {
  const authorization = () => `Bearer ${session.accessToken}`;

  const request = ({ id, text, name }, variables) => ({
    ...(text ? { query: text } : { query: '', documentId: `sha256:${id}` }), // graphql-ws requires `query`
    operationName: name,
    variables,
  });

  async function send(params, variables) {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json',
        authorization: authorization(),
        'content-type': 'application/json',
      },
      body: JSON.stringify(request(params, variables)),
    });
    return response.json();
  }

  const sockets = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: () => ({ authorization: authorization() }),
    shouldRetry: () => true,
    ...socket,
  });
  const subscribe = (params, variables) =>
    Observable.create((sink) => sockets.subscribe(request(params, variables), sink));

  const store = new Store(new RecordSource());
  return { environment: new Environment({ network: Network.create(send, subscribe), store }), sockets };
}
