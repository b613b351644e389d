import { getOperationAST } from 'graphql';

/**
 * Makes a fetcher for GraphiQL. Subscriptions are Server-Sent Events, which pass every proxy that passes HTTP.
 * Failures are results with errors, because GraphiQL shows the stack of an exception.
 */
export const makeFetcher = (url) => (params, { headers, documentAST } = {}) => {
  const operation = documentAST && getOperationAST(documentAST, params.operationName);
  const send = (accept, signal) => fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, ...headers },
    body: JSON.stringify(params),
    signal,
  });
  if (operation?.operation === 'subscription') return subscription(send);
  return send('application/graphql-response+json, application/json;q=0.9').then(readResult).catch(failed);
};

/** An observable of the results. A subscription that the server rejects has one result, with errors. */
const subscription = (send) => ({
  subscribe(sink) {
    const stop = new AbortController();
    receive(send, sink, stop.signal)
      .catch((error) => { if (!stop.signal.aborted) sink.next(failed(error)); })
      .finally(() => { if (!stop.signal.aborted) sink.complete(); });
    return { unsubscribe: () => stop.abort() };
  },
});

async function receive(send, sink, signal) {
  const response = await send('text/event-stream', signal);
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
    sink.next(await readResult(response));
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let unread = ''; ;) {
    const { value, done } = await reader.read();
    if (done) throw new Error('The connection was closed. Run the subscription again.');
    const events = (unread + value).split('\n\n');
    unread = events.pop();
    for (const event of events) {
      const lines = event.split('\n');
      if (lines.includes('event: complete')) return;
      const data = lines.find((line) => line.startsWith('data: '));
      if (data) sink.next(JSON.parse(data.slice('data: '.length)));
    }
  }
}

async function readResult(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return failed(new Error(`The response is not from the GraphQL server (status ${response.status}).`));
  }
}

const failed = ({ message }) => ({ errors: [{ message }] });
