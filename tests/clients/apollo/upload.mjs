import { ApolloLink } from '@apollo/client';

const isFile = (value) => value instanceof Blob; // a File is a Blob

/** Whether the variables of an operation contain a file. */
export const hasFiles = ({ variables }) => filesIn(variables).length > 0;

/** The files in a value, each with its path, such as `variables.file` or `variables.files.0`. */
function filesIn(value, path = 'variables') {
  if (isFile(value)) return [{ file: value, path }];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, member]) => filesIn(member, `${path}.${name}`));
}

/** Hands the files of the variables to `fetchWithFiles`. To be placed before an HttpLink. */
export const uploadLink = new ApolloLink((operation, forward) => {
  const files = filesIn(operation.variables);
  operation.setContext(({ headers }) => ({
    headers: { ...headers, 'apollo-require-preflight': 'true' },
    fetchOptions: { files },
  }));
  return forward(operation);
});

/** A `fetch` for an HttpLink that sends files by the GraphQL multipart request specification. */
export const fetchWithFiles = (send = fetch) => (url, { files, ...options }) => {
  if (!files) return send(url, options);
  const { variables, ...request } = JSON.parse(options.body);
  const form = new FormData();
  for (const { path } of files) setNull({ variables }, path.split('.'));
  form.append('operations', JSON.stringify({ ...request, variables }));
  form.append('map', JSON.stringify(Object.fromEntries(files.map(({ path }, number) => [number, [path]]))));
  files.forEach(({ file }, number) => form.append(String(number), file));
  const headers = Object.entries(options.headers).filter(([name]) => name.toLowerCase() !== 'content-type');
  return send(url, { ...options, headers: Object.fromEntries(headers), body: form });
};

function setNull(value, [name, ...rest]) {
  if (rest.length === 0) value[name] = null;
  else setNull(value[name], rest);
}
