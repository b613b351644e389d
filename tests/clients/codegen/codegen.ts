import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: ['codegen/books.ts'],
  generates: {
    'codegen/gql/': {
      preset: 'client',
      presetConfig: { persistedDocuments: true },
      config: { scalars: { DateTime: 'string' }, useTypeImports: true },
    },
  },
};

export default config;
