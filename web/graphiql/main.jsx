import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { tabs } from './tabs.js';

const endpoint = new URL('/graphql', location.href);

const fetcher = createGraphiQLFetcher({
  url: endpoint.href,
  // Subscriptions: graphql-ws, connected with the first one. The headers editor's content becomes
  // the connection's parameters.
  subscriptionUrl: endpoint.href.replace(/^http/, 'ws'),
  // Nothing here is deferred or streamed, and without it the Accept header is the standard's.
  enableIncrementalDelivery: false,
});

// GraphiQL shows the first tab's variables only if it finds them where it keeps what was typed.
if (!localStorage.getItem('graphiql:tabState')) {
  localStorage.setItem('graphiql:query', tabs[0].query);
  localStorage.setItem('graphiql:variables', tabs[0].variables);
}

createRoot(document.getElementById('root')).render(
  <GraphiQL
    fetcher={fetcher}
    defaultTabs={tabs}
    defaultEditorToolsVisibility="headers"
    shouldPersistHeaders
  />,
);
