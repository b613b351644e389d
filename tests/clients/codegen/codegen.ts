import type { CodegenConfig } from '@graphql-codegen/cli';
import { addTypenameSelectionDocumentTransform } from '@graphql-codegen/client-preset';

const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: ['codegen/books.ts'],
  generates: {
    'codegen/gql/': {
      preset: 'client',
      presetConfig: { persistedDocuments: true },
      // Apollo Client and urql add these fields to the documents that they send; their caches need them.
      documentTransforms: [addTypenameSelectionDocumentTransform],
      config: { scalars: { Date: 'string', DateTime: 'string' }, useTypeImports: true },
    },
  },
};

export default config;
