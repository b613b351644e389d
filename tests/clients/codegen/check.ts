// Type-checked but not run: what front ends may rely on, and what the compiler must reject.

import type { TypedDocumentNode } from '@graphql-typed-document-node/core';

import { BookFields, Books, CreateBook } from './books';
import { useFragment } from './gql';

declare function run<R, V>(document: TypedDocumentNode<R, V>, variables: V): Promise<R>;

export async function check(): Promise<string> {
  const { books } = await run(Books, { first: 1, filter: { search: 'dune' } });
  const total: number = books.totalCount;
  const cursor: string | null = books.pageInfo.endCursor;
  const book = useFragment(BookFields, books.edges[0]!.node);
  const rating: number | null = book.rating;
  const added: string = book.createdAt;
  // @ts-expect-error the fragment hides it
  books.edges[0]!.node.title;
  // @ts-expect-error a book has a title
  await run(CreateBook, { input: { author: 'Frank Herbert' } });
  const { createBook } = await run(CreateBook, { input: { title: 'Dune', author: 'Frank Herbert' } });
  const taken: boolean = createBook.userErrors.some(({ code }) => code === 'DUPLICATE_ISBN');
  // @ts-expect-error there is no such code
  createBook.userErrors.some(({ code }) => code === 'NONSENSE');
  return `${book.title} ${rating} ${added} ${total} ${cursor} ${taken}`;
}
