internal import ArgumentParser
internal import Foundation
internal import Noema

struct SprayAssignCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "assign",
    abstract: "Assign further examples to the strategies that `noema spray` found.",
    discussion: """
      Makes maps as the earlier run made them, and lets the nearest known maps vote. A
      novelty near 1 says that a map is like none that is known.

      EXAMPLES
        noema assign --strategies out/ --model net.onnx --data new-photos
        noema assign --strategies out/ --from-attributions new.npy \\
          --labels labels.txt -o assigned/
      """)

  @OptionGroup var network: NetworkOptions
  @OptionGroup var options: RunOptions
  @Option(help: "The result folder of noema spray.") var strategies: String
  @Option(
    name: .customLong("from-attributions"),
    help: "Maps of the further examples, where those of the earlier run were made elsewhere too.")
  var fromAttributions: String?
  @Option(
    help:
      "The class that each example is explained for: label or predicted; as in the earlier run by default.")
  var target: ExplainedClass?
  @Option(name: [.customShort("o"), .customLong("out")], help: "Write result.json and assignments.csv here.")
  var out: String?

  func run() throws {
    let start = ContinuousClock().now
    let known = try StrategyFile(folder: strategies)
    let maps = try NPYFile.read("\(strategies)/\(StrategyFile.mapsName)")
    let material = try self.material(known, options.progress())
    let assigned = try assign(material, known, maps)
    let result = SprayAssignment(
      assigned: assigned, material: material, known: known,
      run: StrategyRun(
        material,
        settings: [("strategies", strategies), ("target", material.usesLabels ? "label" : "predicted")],
        seed: 0, timings: ["total": seconds(since: start)]))
    if let out {
      try ResultFolder.make(at: out) { folder in
        try folder.write(try jsonText(result), to: "result.json")
        try folder.write(result.table, to: "assignments.csv")
        try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
      }
    }
    if options.json { return print(try jsonText(result), terminator: "") }
    if !options.quiet { print(result.text) }
  }

  /// The further examples, with maps made as the earlier run made them.
  private func material(_ known: StrategyFile, _ progress: ProgressBar) throws -> StrategyMaterial {
    let earlier = try known.earlier(at: strategies)
    var preprocessing = known.strategies.preprocessing
    preprocessing.excludesFlawed = options.skipBad
    let request = RelevanceRequest(
      method: earlier.method, settings: earlier.settings, preprocessing: preprocessing,
      target: target ?? (known.usesLabels ? nil : .predicted), classes: .all)
    let data = try NetworkData(network, layer: earlier.layer, scale: earlier.scale, options)
    if let fromAttributions {
      guard earlier.fromAttributions != nil else {
        throw ValidationError(
          "The earlier run made its maps by \(earlier.method); give --model and --data alone, so that these are made "
            + "alike.")
      }
      return try AttributionFile(path: fromAttributions).material(request, network, data, progress)
    }
    guard earlier.fromAttributions == nil else {
      throw ValidationError(
        "The earlier run was given its maps; give those of the examples with --from-attributions.")
    }
    guard let data else { throw ValidationError("Give --model and --data.") }
    guard known.model == data.record.sha256 else {
      throw ConceptError(
        .mismatch(
          "these strategies belong to another model (SHA-256 \(known.model?.prefix(12) ?? "")…, not "
            + "\(data.record.sha256.prefix(12))…); run noema spray again for this one"), at: strategies)
    }
    return try request.material(of: data, options, scratch: nil, progress)
  }

  /// Assigns class after class.
  private func assign(
    _ material: StrategyMaterial, _ known: StrategyFile, _ maps: Tensor
  ) throws -> [SprayAssignment.Row] {
    var rows: [SprayAssignment.Row] = []
    let refused = material.groups.filter { !$0.relevance.preprocessing.excludesFlawed }.map { $0.relevance }
    for relevance in refused where !relevance.flawed.isEmpty { _ = try relevance.finish() }
    for group in material.groups where !group.relevance.examples.isEmpty {
      guard let place = known.strategies.classes.firstIndex(where: { $0.name == group.name }) else {
        rows += group.relevance.examples.map {
          .init(example: $0, className: group.name, assignment: nil, known: nil)
        }
        continue
      }
      let assigner = try known.strategies.assigner(of: place, maps: maps)
      rows += try assigner.assign(try group.relevance.finish()).map {
        .init(
          example: $0.example, className: group.name, assignment: $0, known: known.strategies.classes[place])
      }
    }
    return rows.sorted { $0.example.index < $1.example.index }
  }
}

/// Further examples and their strategies, as they are written.
private struct SprayAssignment: Encodable {
  /// An example; without an assignment where its class was not analysed.
  struct Row {
    var example: RelevanceExample
    var className: String
    var assignment: StrategyAssignment?
    var known: SavedStrategies.Class?

    /// What is said of its strategy.
    var isConfirmed: Bool {
      guard let assignment, let known, known.isConfirmed.indices.contains(assignment.label) else {
        return false
      }
      return known.isConfirmed[assignment.label]
    }
  }

  private struct Input: Encodable {
    var example: Int
    var name: String
    /// The class that it is explained for, and its strategy from 0, −1 for none.
    var `class`: String
    var cluster: Int?
    var confidence, distance, novelty: Double?
    /// Whether masking confirmed the strategy.
    var isConfirmed: Bool?
  }

  let schema = "noema.assign/1"
  private let inputs: [Input]
  private let skipped: [String]
  private let run: StrategyRun
  private let rows: [Row]

  private enum CodingKeys: String, CodingKey { case schema, inputs, skipped, run }

  init(assigned: [Row], material: StrategyMaterial, known: StrategyFile, run: StrategyRun) {
    rows = assigned
    inputs = assigned.map { row in
      Input(
        example: row.example.index, name: row.example.name, class: row.className,
        cluster: row.assignment?.label, confidence: row.assignment?.confidence,
        distance: row.assignment?.distance, novelty: row.assignment?.novelty,
        isConfirmed: row.assignment == nil ? nil : row.isConfirmed)
    }
    let flawed = material.groups.flatMap { $0.relevance.flawed }
    skipped =
      material.skipped
      + flawed.map { "\($0.example.name): the relevance map says nothing (\($0.flaw.rawValue))" }
    self.run = run
  }

  /// The rows of `assignments.csv`.
  var table: String {
    var text = "example,class,cluster,confidence,distance,novelty,name\n"
    for input in inputs {
      let numbers = [input.confidence, input.distance, input.novelty].map { $0.map { "\($0)" } ?? "" }
      let fields =
        ["\(input.example)", Escape.csv(input.class), input.cluster.map { "\($0)" } ?? ""] + numbers
        + [Escape.csv(input.name)]
      text += fields.joined(separator: ",") + "\n"
    }
    return text
  }

  /// The lines of the terminal.
  var text: String {
    var lines = [["input", "class", "strategy", "votes", "novelty", "masking"]]
    for row in rows.prefix(20) {
      guard let assignment = row.assignment else {
        lines.append([row.example.name, row.className, "–", "–", "–", "class not analysed"])
        continue
      }
      lines.append([
        row.example.name, row.className, assignment.label < 0 ? "none" : String(assignment.label + 1),
        NumberText.fixed(100 * assignment.confidence, 0) + " %", NumberText.compact(assignment.novelty),
        row.isConfirmed ? "confirmed" : "–",
      ])
    }
    let more = rows.count > 20 ? ["and \(rows.count - 20) more; write them with --out"] : []
    return
      ([alignedTable(lines, rightAligned: [3, 4])] + more + sentences
      + skipped.prefix(8).map { "left out \($0)" })
      .joined(separator: "\n")
  }

  /// What the strategies that occur rest on.
  private var sentences: [String] {
    var seen: Set<String> = []
    return rows.compactMap { row in
      guard let assignment = row.assignment, let known = row.known,
        known.sentences.indices.contains(assignment.label)
      else { return nil }
      let sentence = known.sentences[assignment.label]
      return seen.insert(sentence).inserted ? sentence : nil
    }
  }
}
