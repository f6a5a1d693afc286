import './waiting.css';

/** In place of what has not been answered yet; what is answered at once needs no word. */
export const Waiting = () => <p className="muted waiting">Reading the run…</p>;
