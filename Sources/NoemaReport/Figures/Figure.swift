/// A drawing made from numbers and names alone.
public protocol Figure: Sendable {
  /// What the figure shows, in a few words.
  var title: String { get }
  /// How to read it, in a sentence or two; read aloud to those who cannot see the figure.
  var description: String { get }
  /// The drawing as SVG.
  ///
  /// - Parameters:
  ///   - mode: a file of its own, or part of an HTML page.
  ///   - identifier: unique within the page.
  func svg(_ mode: FigureMode, identifier: String) -> String
}

extension Figure {
  /// Draws the title where the figure stands alone; returns the height taken.
  func drawTitle(in writer: inout SVGWriter, width: Double) -> Double {
    guard writer.mode == .standalone, !title.isEmpty else { return 8 }
    let short = TextMetrics.fitting(title, in: width - 32, size: 15)
    writer.text(short, x: 16, y: 24, size: 15, isBold: true, tooltip: title)
    return 36
  }
}

/// A linear map from values to pixels that keeps what lies outside at the border.
struct Scale {
  let range: ClosedRange<Double>
  /// Pixels of the lower and the upper end.
  let from: Double, to: Double

  init(_ range: ClosedRange<Double>, from: Double, to: Double) {
    self.range = Ticks.usable(range)
    self.from = from
    self.to = to
  }

  func callAsFunction(_ value: Double) -> Double {
    guard value.isFinite else { return from }
    let bounded = min(max(value, range.lowerBound), range.upperBound)
    return from + (bounded - range.lowerBound) / (range.upperBound - range.lowerBound) * (to - from)
  }
}

/// A value with its interval.
public struct MeasuredValue: Sendable, Hashable {
  /// The value; not finite when there is none.
  public var value: Double
  /// The ends of its interval, if it has one.
  public var low, high: Double?
  /// False for a value that does not stand for a finding: drawn hatched or hollow.
  public var isSignificant: Bool
  /// A short mark beside the value, such as `n.s.`.
  public var mark: String

  /// Makes a value with an interval.
  public init(
    _ value: Double, low: Double? = nil, high: Double? = nil, isSignificant: Bool = true, mark: String = ""
  ) {
    self.value = value
    self.low = low.flatMap { $0.isFinite ? $0 : nil }
    self.high = high.flatMap { $0.isFinite ? $0 : nil }
    self.isSignificant = isSignificant
    self.mark = mark
  }

  /// The value and its interval in words.
  func text(digits: Int = 2) -> String {
    var text = NumberText.fixed(value, digits)
    if let low, let high { text += " [\(NumberText.fixed(low, digits)), \(NumberText.fixed(high, digits))]" }
    return mark.isEmpty ? text : "\(text) \(mark)"
  }
}

/// Measurements under one name and in one colour.
public struct Series: Sendable, Hashable {
  /// The name in the legend.
  public var name: String
  /// One measurement for each category, nil where there is none.
  public var values: [MeasuredValue?]

  /// Makes a series.
  public init(name: String, values: [MeasuredValue?]) {
    self.name = name
    self.values = values
  }
}

/// A line across a figure at a value that means something, such as chance.
public struct ReferenceLine: Sendable, Hashable {
  /// Where the line is.
  public var value: Double
  /// What it means, in a word or two.
  public var name: String

  /// Makes a reference line.
  public init(_ value: Double, name: String) {
    self.value = value
    self.name = name
  }
}
