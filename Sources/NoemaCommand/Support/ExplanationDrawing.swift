internal import Foundation
internal import Noema

/// Draws what a job found of its first examples: words of texts, maps of images, bars of anything small.
struct ExplanationDrawing {
  let feed: ExampleFeed
  let model: LoadedModel
  let text: TokenText?
  /// The names of examples and of the classes explained.
  let names, targets: [String]
  /// The class explained for each example.
  let classes: [Int]
  let outcomes: [MethodOutcome]
  /// Whether the inputs themselves received attributions.
  let isAtInputs: Bool
  /// How many examples are drawn.
  let count: Int
  let isOverlay, sharesScale: Bool

  /// Examples whose bars are drawn, and the most bars of an array.
  private static let barExamples = 6, mostBars = 512

  /// Adds figures to a report.
  func draw(in report: inout ExplanationReport) throws {
    if let text {
      report.words = try words(text)
      try addBars(to: &report) { !isText($0, $1, text) }
    } else if let sheet = try sheet() {
      report.sheet = sheet
    } else {
      try addBars(to: &report) { _, _ in true }
    }
  }

  // MARK: Words

  private func isText(_ outcome: MethodOutcome, _ value: Int, _ text: TokenText) -> Bool {
    (1...2).contains(outcome.shapes[value].count) && outcome.shapes[value][0] == text.length
  }

  private func words(_ text: TokenText) throws -> [ColouredTokens] {
    var lines: [[ColouredTokens.Line]] = Array(repeating: [], count: count)
    for outcome in outcomes {
      for value in outcome.values.indices where isText(outcome, value, text) {
        let found = try outcome.first(count, value: value).compactMap {
          ColouredTokens.values($0, shape: outcome.shapes[value], tokens: text.length)
        }
        let limit = sharesScale ? found.joined().map { abs($0) }.max() : nil
        for (row, values) in found.enumerated() {
          lines[row].append(.init(method: label(outcome, value), values: values, limit: limit))
        }
      }
    }
    return lines.enumerated().filter { !$1.isEmpty }.map { row, lines in
      ColouredTokens(name: names[row], target: targets[row], tokens: text.pieces(of: row), lines: lines)
    }
  }

  /// A method's name, with that of the attributed value where there are several.
  private func label(_ outcome: MethodOutcome, _ value: Int) -> String {
    outcome.values.count == 1 ? outcome.name : "\(outcome.name), \(outcome.values[value])"
  }

  // MARK: Maps

  /// The sheet of maps; nil where some method's attributions are none. Those of channels have a table instead.
  private func sheet() throws -> ExplanationSheet? {
    let outcomes = outcomes.filter { $0.name != ExplainedChannels.method }
    guard !outcomes.isEmpty, outcomes.allSatisfy({ $0.values.count == 1 }) else { return nil }
    var maps: [[AttributionMap]] = Array(repeating: [], count: count)
    for outcome in outcomes {
      for (row, values) in try outcome.first(count, value: 0).enumerated() {
        guard let map = AttributionMap(values, shape: outcome.shapes[0]), map.width > 1, map.height > 1 else {
          return nil
        }
        maps[row].append(map)
      }
    }
    var sheet = ExplanationSheet(
      title: "Attributions of \(count == names.count ? "all" : "the first") \(count) inputs",
      methods: outcomes.map(\.name),
      rows: try maps.enumerated().map { row, maps in
        let input = try picture(row)
        // Only a map as large as its input lets it through.
        let shown = maps.map { map in
          guard isOverlay, let input else { return map }
          return map.enlarged(width: input.width, height: input.height)
        }
        return ExplanationSheet.Row(name: names[row], target: targets[row], input: input, maps: shown)
      })
    (sheet.isOverlay, sheet.sharesScale) = (isOverlay, sharesScale)
    return sheet
  }

  /// The image of an example as the network sees it.
  func picture(_ index: Int) throws -> Image? {
    guard model.network.inputs.count == 1 else { return nil }
    return picture(of: try feed.dataset.examples.tensor(at: index).elements(as: Float.self))
  }

  /// An input as an image; ready arrays of the shape of images are drawn grey.
  func picture(of values: [Float]) -> Image? {
    let shape = feed.dataset.examples.exampleShape
    guard let map = AttributionMap(values, shape: shape) else { return nil }
    if let preprocessing = model.preprocessing, preprocessing.shape == shape,
      let image = try? values.withUnsafeBufferPointer({ try preprocessing.inverse(of: $0) })
    {
      return image
    }
    let low = map.values.min() ?? 0, high = map.values.max() ?? 1
    return Image(
      width: map.width, height: map.height, channelCount: 1,
      pixels: map.values.map { UInt8(high > low ? (255 * ($0 - low) / (high - low)).rounded() : 0) })
  }

  // MARK: Bars

  private func addBars(
    to report: inout ExplanationReport, where isWanted: (_ outcome: MethodOutcome, _ value: Int) -> Bool
  ) throws {
    let rows = min(count, Self.barExamples)
    var bars: [[SignedBars]] = Array(repeating: [], count: rows)
    for outcome in outcomes {
      for value in outcome.values.indices where isWanted(outcome, value) {
        let size = outcome.shapes[value].reduce(1, *)
        guard size <= Self.mostBars else { continue }
        let features = feed.dataset.featureNames.flatMap { isAtInputs && $0.count == size ? $0 : nil }
        for (row, values) in try outcome.first(rows, value: value).enumerated() {
          bars[row].append(
            SignedBars(
              title: "\(names[row]): \(label(outcome, value)) for \(targets[row])",
              description: "Attributions of the features of one input, the greatest first.",
              names: features ?? (0..<size).map(String.init),
              values: values.map { MeasuredValue(Double($0)) }))
        }
      }
    }
    report.bars = bars.flatMap { $0 }
  }
}
