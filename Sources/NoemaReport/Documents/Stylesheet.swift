/// The look of a report: light or dark as the reader's system is, one column on a phone, plain on paper.
enum Stylesheet {
  static var text: String {
    """
    :root { \(Paint.variables(dark: false)) \(light) }
    @media (prefers-color-scheme: dark) { :root { \(Paint.variables(dark: true)) \(dark) } }
    \(rules)
    @media (max-width: 640px) { \(phone) }
    @media print { :root { \(Paint.variables(dark: false)) \(light) } \(print) }
    """
  }

  private static let light = """
    --page: #f6f7f8; --card: #ffffff; --ink: #1d232b; --muted: #5b6570; --rule: #dfe3e7; --accent: #0072B2; \
    --good: #00674c; --good-ground: #dcf3ea; --warn: #8a5200; --warn-ground: #fdf0d5; \
    --idle: #4b5560; --idle-ground: #eceff2;
    """
  private static let dark = """
    --page: #0f1216; --card: #171b20; --ink: #e8eaed; --muted: #a3acb6; --rule: #2b323a; --accent: #6db8e8; \
    --good: #7fdcbc; --good-ground: #12382d; --warn: #f0c274; --warn-ground: #3a2c10; \
    --idle: #b4bdc7; --idle-ground: #262d35;
    """

  private static let rules = """
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; }
    body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.5; font-size: 16px;
      font-family: system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, "Liberation Sans",
        sans-serif;
      overflow-wrap: anywhere; }
    main { max-width: 1120px; margin: 0 auto; padding: 40px 28px 64px; }
    header { margin-bottom: 28px; }
    .kicker { margin: 0 0 6px; color: var(--muted); font-size: 14px; }
    h1 { font-size: 30px; line-height: 1.2; margin: 0 0 18px; letter-spacing: -0.01em; max-width: 26em;
      text-wrap: balance; }
    h2 { font-size: 20px; margin: 0 0 4px; line-height: 1.3; }
    h3 { font-size: 15px; margin: 22px 0 6px; }
    p { margin: 0 0 10px; max-width: 72ch; }
    .answer { border-left: 4px solid var(--accent); padding: 2px 0 2px 18px; font-size: 18px; }
    .answer p:last-child { margin-bottom: 0; }
    section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 22px 24px;
      margin: 0 0 20px; }
    .lead { color: var(--muted); font-size: 14.5px; margin-bottom: 16px; }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; width: 100%; font-size: 14.5px; font-variant-numeric: tabular-nums; }
    th { text-align: left; font-weight: 600; font-size: 12.5px; color: var(--muted); padding: 6px 12px 6px 0;
      border-bottom: 1.5px solid var(--ink); vertical-align: bottom; overflow-wrap: normal; }
    td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--rule); vertical-align: middle;
      overflow-wrap: break-word; }
    tbody tr:last-child td { border-bottom: 0; }
    .number { text-align: right; white-space: nowrap; }
    td small { color: var(--muted); font-size: 13px; margin-left: 8px; }
    tr.group th { padding-top: 18px; border-bottom: 1px solid var(--rule); color: var(--ink);
      font-size: 13.5px; }
    .dense table { font-size: 12.5px; } .dense td, .dense th { padding-right: 9px; }
    .dense th.number { white-space: normal; font-size: 11.5px; min-width: 50px; }
    .dense td:first-child { white-space: nowrap; position: sticky; left: 0; background: var(--card);
      max-width: 180px; overflow: hidden; text-overflow: ellipsis; }
    .scale { display: flex; justify-content: space-between; width: 150px; margin-left: auto; padding: 0 2px; }
    .range { width: 150px; height: 20px; display: block; margin-left: auto; }
    .chip { display: inline-block; padding: 2px 10px; border-radius: 99px; font-size: 13px; font-weight: 600;
      color: var(--idle); background: var(--idle-ground); white-space: nowrap; line-height: 1.4; }
    .chip.used { color: var(--good); background: var(--good-ground); }
    .chip.unsure { color: var(--warn); background: var(--warn-ground); }
    .figures { display: grid; gap: 26px 32px;
      grid-template-columns: repeat(auto-fit, minmax(min(470px, 100%), 1fr)); }
    figure { margin: 0; min-width: 0; }
    .drawing { overflow-x: auto; }
    .drawing:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }
    .drawing svg { display: block; width: 100%; height: auto; margin: 0 auto; }
    figcaption { color: var(--muted); font-size: 13.5px; margin: 6px auto 0; max-width: 640px; }
    figcaption::before { content: "Figure " counter(figure) ". "; font-weight: 600; color: var(--ink); }
    body { counter-reset: figure; } figure { counter-increment: figure; }
    .strip { display: flex; flex-wrap: wrap; gap: 8px; margin-bottom: 6px; }
    .strip div { width: 96px; font-size: 11.5px; color: var(--muted); line-height: 1.3; }
    .strip img { display: block; width: 96px; height: 96px; object-fit: contain; border-radius: 4px;
      background: var(--idle-ground); }
    .strip img.small { image-rendering: pixelated; }
    .strip span { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .strip b { display: block; color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
    .pair { display: grid; gap: 6px 32px;
      grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); }
    .pair .strip div, .pair .strip img { width: 86px; } .pair .strip img { height: 86px; }
    .pair h4 { font-size: 13px; margin: 2px 0 6px; color: var(--muted); font-weight: 600; }
    .words p { max-width: none; line-height: 1.9; } .words small { color: var(--muted); font-weight: 400; }
    .words span { padding: 2px 3px; border-radius: 3px; white-space: pre-wrap; }
    .warnings { border-color: transparent; background: var(--warn-ground); }
    ul { margin: 6px 0; padding-left: 20px; } li { margin: 3px 0; max-width: 76ch; }
    code, .command, .hash { font-family: ui-monospace, "SF Mono", Menlo, "Liberation Mono", monospace;
      font-size: 13px; overflow-wrap: anywhere; }
    .command { background: var(--idle-ground); border-radius: 6px; padding: 10px 12px;
      white-space: pre-wrap; margin: 0; }
    .settings td:first-child { color: var(--muted); width: 30%; }
    """

  private static let phone = """
    main { padding: 22px 8px 40px; } h1 { font-size: 23px; }
    .answer { font-size: 16.5px; padding-left: 13px; }
    section { padding: 16px 14px; border-radius: 8px; } .drawing { margin: 0 -10px; }
    table { font-size: 13.5px; } td, th { padding-right: 8px; }
    .range, .scale { display: none; }
    .verdicts table, .verdicts thead, .verdicts tbody { display: block; }
    .verdicts tr { display: grid; grid-template-columns: minmax(0, 1fr) 6.2em 4em 3.4em; gap: 0 6px;
      padding: 7px 0; border-bottom: 1px solid var(--rule); align-items: start; }
    .verdicts tr.group { padding: 14px 0 4px; }
    .verdicts tr.group th { grid-column: 1 / -1; border: 0; padding: 0; }
    .verdicts td, .verdicts th { border: 0; padding: 0; white-space: normal; }
    .verdicts td:nth-child(3), .verdicts th:nth-child(3), .verdicts thead th:last-child { display: none; }
    .verdicts td:last-child { grid-column: 1 / -1; margin-top: 3px; }
    td small { display: block; margin: 0; font-size: 12px; line-height: 1.3; }
    .strip div, .strip img, .pair .strip div, .pair .strip img { width: 76px; }
    .strip img, .pair .strip img { height: 76px; }
    .chip { font-size: 12px; padding: 1px 8px; border-radius: 10px; }
    """

  private static let print = """
    body { background: #fff; font-size: 10.5pt; } main { padding: 0; max-width: none; }
    section { border: 0; padding: 0; margin-bottom: 18pt; border-radius: 0; background: none; }
    figure, tr, .strip, .pair { break-inside: avoid; } h2, h3, .lead { break-after: avoid; }
    .warnings { padding: 8pt 12pt; }
    .drawing, .scroll { overflow: visible; } .drawing svg { max-width: 15cm; }
    * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
    """
}
