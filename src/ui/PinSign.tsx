import './pin-sign.css';

/** The nail that stands for a pin on the maps: hollow for a short one, solid for one that lasts. */
export const PinSign = ({ solid }: { readonly solid: boolean }) => (
  <svg className="pin-sign" viewBox="0 0 12 14" aria-hidden="true" data-solid={solid}>
    <path d="M2 2h8v3H7.2L6 12 4.8 5H2z" />
  </svg>
);
