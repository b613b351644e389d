import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';

import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { makeFetcher } from './fetcher.js';
import { tabs } from './tabs.js';

// Relative, because a proxy may serve this page below another path.
const fetcher = makeFetcher(new URL('graphql', location.href).href);

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
