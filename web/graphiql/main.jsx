import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { tabs } from './tabs.js';

const endpoint = new URL('/graphql', location.href);

const fetcher = createGraphiQLFetcher({
  url: endpoint.href,
  // Subscriptions use graphql-ws, which connects on the first subscription. The headers become the
  // parameters of the connection.
  subscriptionUrl: endpoint.href.replace(/^http/, 'ws'),
  // The server supports neither @defer nor @stream. Without incremental delivery GraphiQL sends the
  // standard Accept header.
  enableIncrementalDelivery: false,
});

// GraphiQL shows the variables of the first tab only if they are in its local storage.
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
