import { Fragment, type ReactNode } from 'react';

/** A name of the kernel that is too long for its line goes on behind an underscore. */
export const breakable = (name: string): ReactNode =>
  name.split(/(?<=[a-z0-9]_)(?=[a-z0-9])/i).map((part, index) => (
    // The parts of a name have no identity but their place.
    // eslint-disable-next-line react/no-array-index-key
    <Fragment key={index}>
      {index === 0 ? null : <wbr />}
      {part}
    </Fragment>
  ));
