/** A page in VRAM, and its way home to system memory. A still picture. */
export const HomeFigure = () => (
  <svg className="home" viewBox="0 0 520 104" aria-hidden="true" focusable="false">
    <g className="home-row">
      {[0, 1, 2, 3].map((i) => (
        <g key={i} transform={`translate(${i * 44} 36)`}>
          {i === 2 ? (
            <rect className="home-left" x="2" y="2" width="34" height="34" rx="5" />
          ) : (
            <>
              <path
                className="home-coherent"
                d="M6 0h22l10 10v22a6 6 0 0 1-6 6H6a6 6 0 0 1-6-6V6a6 6 0 0 1 6-6z"
              />
              <text className="home-coherent-text" x="19" y="25">
                C
              </text>
            </>
          )}
        </g>
      ))}
    </g>
    <path className="home-way" d="M107 32C150 2 346 2 407 32" />
    <g transform="translate(228 -6) rotate(2 19 19)">
      <path className="home-coherent" d="M6 0h22l10 10v22a6 6 0 0 1-6 6H6a6 6 0 0 1-6-6V6a6 6 0 0 1 6-6z" />
      <text className="home-coherent-text" x="19" y="25">
        C
      </text>
    </g>
    <g transform="translate(344 36)">
      {[0, 1, 2, 3].map((i) => (
        <g key={i} transform={`translate(${i * 44} 0)`}>
          {i < 2 ? (
            <rect className={i === 1 ? 'home-expected' : 'home-system'} width="38" height="38" rx="6" />
          ) : (
            <rect className="home-free" x="0.5" y="0.5" width="37" height="37" rx="6" />
          )}
          {i === 0 ? (
            <>
              <text className="home-system-text" x="19" y="28">
                S
              </text>
              <path className="home-nail" d="M9-11h20v6h-6l-4 15-4-15H9z" />
            </>
          ) : null}
        </g>
      ))}
    </g>
    <text className="home-label" x="0" y="98">
      VRAM of the device
    </text>
    <text className="home-label" x="344" y="98">
      system memory
    </text>
  </svg>
);
