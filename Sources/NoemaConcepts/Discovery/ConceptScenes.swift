internal import NoemaAttribution
internal import NoemaData
internal import NoemaGraph
internal import NoemaTensor

/// Whole examples in which the segments of concepts are shown or hidden: what curves and ablations ask the network
/// about. /
/// Each segment belongs to the concept of the dictionary that it shows; segments of concepts that were dropped belong
/// to none. A concept is shown at the positions of all its segments, at whatever resolution.
struct ConceptScenes: Sendable {
  /// What the network makes of scenes.
  enum Measure: Sendable { case accuracy, output }

  /// The patches of the examples.
  let patches: PatchExamples
  /// The examples, in order.
  let examples: [Int]
  /// The concept that each patch shows, by its place among those kept; nil for none.
  let labels: [Int?]
  /// The number of concepts.
  let conceptCount: Int
  /// The positions of each concept, example by example.
  private let sets: [[PositionSet]]
  /// The concepts that each example has.
  let present: [[Int]]

  init(_ patches: PatchExamples, examples: [Int], labels: [Int?], conceptCount: Int) {
    (self.patches, self.examples, self.labels, self.conceptCount) = (patches, examples, labels, conceptCount)
    let places = Dictionary(uniqueKeysWithValues: examples.enumerated().map { ($1, $0) })
    var runs = [[[Range<Int>]]](repeating: Array(repeating: [], count: conceptCount), count: examples.count)
    for (patch, label) in zip(patches.patches, labels) {
      guard let label, let place = places[patch.example] else { continue }
      runs[place][label] += patch.positions.runs
    }
    let sets = runs.map { $0.map { PositionSet(runs: $0) } }
    self.sets = sets
    present = sets.map { sets in sets.indices.filter { !sets[$0].isEmpty } }
  }

  /// The same examples with concepts dealt anew among the segments of each: concepts that mean nothing, but cover as
  /// many segments of the example as the others.
  func shuffled(using random: inout RandomNumbers) -> ConceptScenes {
    var rows: [Int: [Int]] = [:]
    for (row, patch) in patches.patches.enumerated() { rows[patch.example, default: []].append(row) }
    var dealt = labels
    for example in examples {
      guard let rows = rows[example] else { continue }
      for (row, other) in zip(rows, random.sample(rows.count, below: rows.count)) {
        dealt[row] = labels[rows[other]]
      }
    }
    return ConceptScenes(patches, examples: examples, labels: dealt, conceptCount: conceptCount)
  }

  /// What each concept adds to the share of positions shown when concepts are added in an order, by concept; the mean
  /// over examples.
  func shares(adding order: [Int]) -> [Double] {
    var shares = [Double](repeating: 0, count: conceptCount)
    for sets in sets {
      var (shown, runs) = (0, [Range<Int>]())
      for concept in order {
        runs += sets[concept].runs
        let count = PositionSet(runs: runs).count
        shares[concept] += Double(count - shown) / Double(patches.layout.positionCount * self.sets.count)
        shown = count
      }
    }
    return shares
  }

  /// The example as a display shows it.
  func scene(_ place: Int, _ display: ConceptDisplay) throws -> [Float] {
    let layout = patches.layout, index = examples[place]
    let example = try SegmentedExample(try patches.whole(index), layout: layout, index: index)
    let isListed = { (concept: Int) in display.concepts[concept] != display.showsRest }
    let listed = PositionSet(runs: (0..<conceptCount).filter(isListed).flatMap { sets[place][$0].runs })
    return try patches.cutter.showing(
      display.showsRest ? listed.complement(of: layout.positionCount) : listed, of: example)
  }
}

/// Runs scenes through the network, each once however often it is asked for: examples have few of the concepts, so that
/// many displays are the same to them.
final class SceneRunner {
  private let scenes: ConceptScenes
  private let runner: SubjectRunner
  private let target: Int
  private var known: [Key: (isRight: Bool, output: Double)] = [:]

  private struct Key: Hashable {
    var place: Int
    var display: ConceptDisplay
  }

  init(_ scenes: ConceptScenes, on runner: SubjectRunner, target: Int) {
    (self.scenes, self.runner, self.target) = (scenes, runner, target)
  }

  /// The network of a subject, with probabilities of classes, or its one output as it is.
  ///
  /// - Throws: as `SubjectRunner`; `ConceptError.parameters` for a class that is no output.
  static func runner(_ subject: DiscoverySubject, rows: Int) throws -> SubjectRunner {
    var plain = Subject(subject.network, layers: [])
    plain.layers = subject.network.inputs.map(\.name)
    plain.shapes = subject.shapes
    plain.memory = subject.memory / 4
    if try subject.network.classCount(shapes: subject.shapes) != 1 { plain.scale = .probability }
    let runner = try SubjectRunner(plain, rows: rows)
    guard (0..<runner.classCount).contains(subject.target.index) else {
      throw ConceptError(
        .parameters(
          "class '\(subject.target.name)' is output \(subject.target.index), the network has \(runner.classCount)"
        ))
    }
    return runner
  }

  /// The share of examples for which the class is the network's answer, or the mean of its output, for each display.
  func worth(_ measure: ConceptScenes.Measure, _ displays: [ConceptDisplay]) throws -> [Double] {
    let keys = displays.map { display in scenes.examples.indices.map { key($0, display) } }
    var asked: [Key] = []
    var seen: Set<Key> = []
    // Example by example, so that each is read once.
    for place in scenes.examples.indices {
      for keys in keys where known[keys[place]] == nil && seen.insert(keys[place]).inserted {
        asked.append(keys[place])
      }
    }
    try run(asked)
    return keys.map { keys in
      let found = keys.compactMap { known[$0] }
      return Statistics.mean(found.map { measure == .output ? $0.output : $0.isRight ? 1 : 0 })
    }
  }

  /// What a display comes to for an example: concepts that it lacks are as good as hidden.
  private func key(_ place: Int, _ display: ConceptDisplay) -> Key {
    var concepts = [Bool](repeating: display.showsRest, count: display.concepts.count)
    for concept in scenes.present[place] { concepts[concept] = display.concepts[concept] }
    return Key(place: place, display: ConceptDisplay(concepts, showsRest: display.showsRest))
  }

  private func run(_ keys: [Key]) throws {
    let type = runner.inputTypes[0], width = runner.classCount, target = target, scenes = scenes
    for start in stride(from: 0, to: keys.count, by: runner.batchSize) {
      let batch = Array(keys[start..<min(start + runner.batchSize, keys.count)])
      let rows: [Result<[Float], any Error>] = Parallel.map(batch.count) { row in
        Result { try scenes.scene(batch[row].place, batch[row].display) }
      }
      let values = try rows.flatMap { try $0.get() }
      let inputs = Tensor(shape: [batch.count] + scenes.patches.exampleShape, values).converted(
        to: type.element)
      let output = try runner([inputs], examples: batch.map { scenes.examples[$0.place] }).output
      output.converted(to: .float32).withElements(as: Float.self) { values in
        for (row, key) in batch.enumerated() {
          let own = values[row * width + target]
          // An answer that others share is none: a network without a clue may give all classes the same.
          let isRight =
            width > 1 ? (0..<width).allSatisfy { $0 == target || values[row * width + $0] < own } : own > 0
          known[key] = (isRight, Double(own))
        }
      }
    }
  }
}
