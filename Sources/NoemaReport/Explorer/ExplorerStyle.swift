/// The look of plots that answer to pointer and keyboard, beside the common stylesheet.
enum ExplorerStyle {
  static let rules = """
    .explorer { display: grid; gap: 14px 24px; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); }
    .explorer > .board { position: relative; align-self: start; border: 1px solid var(--rule); border-radius: 8px;
      background: var(--card); }
    .explorer canvas.plot { display: block; width: 100%; height: min(560px, 86vw); border-radius: 8px;
      cursor: crosshair; touch-action: pan-y; }
    .explorer canvas.plot:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    .tip { position: absolute; z-index: 2; pointer-events: none; max-width: 230px; padding: 8px 10px; font-size: 12.5px;
      line-height: 1.35; background: var(--card); border: 1px solid var(--rule); border-radius: 6px;
      box-shadow: 0 3px 14px rgb(0 0 0 / 0.22); }
    .tip[hidden], img.sheet { display: none; }
    .tip b, .pins b { display: block; font-weight: 600; }
    .shots { display: flex; gap: 5px; margin-bottom: 5px; }
    .shots canvas { display: block; border-radius: 3px; background: var(--idle-ground); }
    .shots canvas.coarse { image-rendering: pixelated; }
    .keys, .tools, .grid, .pins { display: flex; flex-wrap: wrap; gap: 6px; margin: 0 0 10px; }
    .explorer button { font: inherit; font-size: 13px; color: var(--ink); background: var(--card); cursor: pointer;
      border: 1px solid var(--rule); border-radius: 6px; padding: 3px 9px; }
    .explorer button:hover:not(:disabled) { border-color: var(--accent); }
    .explorer button:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
    .explorer button:disabled { opacity: 0.45; cursor: default; }
    .explorer button[aria-pressed="true"] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
    .keys button { display: inline-flex; align-items: center; gap: 6px; }
    .explorer .grid { max-height: 300px; overflow-y: auto; gap: 4px; }
    .explorer .grid button { padding: 2px; } .grid .shots { margin: 0; }
    .pins > div { border: 1px solid var(--rule); border-radius: 6px; padding: 7px 9px; font-size: 12.5px; width: 190px;
      line-height: 1.35; }
    .explorer h4 { font-size: 14px; margin: 6px 0; }
    .explorer .said { font-size: 13px; color: var(--muted); min-height: 1.5em; }
    .explorer details { font-size: 13px; } .explorer summary { cursor: pointer; }
    .explorer pre { max-height: 220px; overflow: auto; background: var(--idle-ground); border-radius: 6px;
      padding: 8px 10px; font-size: 12px; margin: 6px 0; white-space: pre-wrap; }
    .ranking td:last-child { min-width: 260px; font-size: 13.5px; }
    .swatch { width: 14px; height: 14px; vertical-align: -2px; margin-right: 7px; }
    @media (max-width: 760px) { .explorer { grid-template-columns: minmax(0, 1fr); } }
    @media print { .explorer { display: block; } .tools, .tip, .said { display: none; } }
    """
}
