import { Fragment, type ReactNode } from 'react';

/** A name of the kernel, or a path in it, that is too long for its line goes on behind an underscore or a slash. */
export const breakable = (name: string): ReactNode => {
  let before = '';
  return name.split(/(?<=[a-z0-9][_/])(?=[a-z0-9])/i).map((part) => {
    // a part is known by all that stands before it
    const isFirst = before === '';
    before += part;
    return (
      <Fragment key={before}>
        {isFirst ? null : <wbr />}
        {part}
      </Fragment>
    );
  });
};
