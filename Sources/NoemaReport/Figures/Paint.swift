/// Where a figure will stand.
public enum FigureMode: Sendable, Hashable {
  /// A file of its own: title drawn, white background, literal colours.
  case standalone
  /// Inside an HTML page: the page's caption is the title and its CSS variables give light or dark colours.
  case inline
}

/// A colour by its role, so that one drawing serves light and dark pages.
enum Paint: Hashable {
  case none, ink, muted, faint, grid, background, highlight, positive, negative, white
  case series(Int)

  /// Okabe and Ito's palette without black (that is the ink), yellow darkened to be seen on white.
  static let palette = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#A59B00"]
  /// The same hues, lighter where they would drown in a dark page.
  static let darkPalette = ["#4BA3DB", "#E9B03A", "#2DBE94", "#DA93BC", "#8CCBF2", "#F07A2E", "#F0E442"]

  /// The CSS variables that inlined figures refer to, in light or dark values.
  static func variables(dark: Bool) -> String {
    let roles: [Paint] = [.ink, .muted, .faint, .grid, .background, .highlight, .positive, .negative]
    var lines = roles.map { "--fig-\($0): \(dark ? $0.darkColor : $0.color);" }
    for index in palette.indices {
      lines.append("--fig-series-\(index): \(dark ? darkPalette[index] : palette[index]);")
    }
    return lines.joined(separator: " ")
  }

  /// The literal colour on a white background.
  var color: String {
    switch self {
    case .none: "none"
    case .ink: "#1d232b"
    case .muted: "#5b6570"
    case .faint: "#b9c0c8"
    case .grid: "#e6e9ec"
    case .background: "#ffffff"
    case .highlight, .negative: "#D55E00"
    case .positive: "#0072B2"
    case .white: "#ffffff"
    case .series(let index): Paint.palette[index % Paint.palette.count]
    }
  }

  private var darkColor: String {
    switch self {
    case .ink: "#e8eaed"
    case .muted: "#a3acb6"
    case .faint: "#59636e"
    case .grid: "#2b323a"
    case .background: "#171b20"
    case .highlight: "#F07A2E"
    case .negative: "#D55E00"
    case .positive: "#1C86C7"
    default: color
    }
  }

  /// The value of `fill` or `stroke`.
  func value(in mode: FigureMode) -> String {
    switch self {
    case .none, .white: color
    case .series(let index):
      mode == .inline ? "var(--fig-series-\(index % Paint.palette.count))" : color
    default: mode == .inline ? "var(--fig-\(self))" : color
    }
  }
}
