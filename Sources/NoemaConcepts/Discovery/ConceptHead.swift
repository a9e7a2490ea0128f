internal import NoemaAttribution
internal import NoemaData
internal import NoemaGraph
internal import NoemaTensor

/// The part of a network behind a layer as a function of concepts: `u ↦ h((u ∘ U) W + R)`.
///
/// `U` are the coefficients of the dictionary at each position of an example's activations, and `R` is what the
/// dictionary leaves of them; masks multiply coefficients, the same at all positions. Of a cluster a position is one
/// or none; a whole example in a single row is several concepts at once, and so a sum of centres.
///
/// - Source: Fel et al., "CRAFT", CVPR 2023, which leaves out `R`.
final class ConceptHead {
  private let dictionary: LearnedDictionary
  private let runner: SubjectRunner
  private let target: Int
  private let scenes: [Scene]
  /// Whether the network needs its own input beside the layer's.
  private let needsInput: Bool
  private let shape: [Int]
  private let hasChannelsLast: Bool

  /// One example.
  private struct Scene {
    var input: [Float]
    /// Positions × concepts.
    var coefficients: Matrix
    /// Positions × features: what the dictionary leaves of the activations.
    var rest: Matrix
  }

  /// The number of classes.
  var classCount: Int { runner.classCount }
  /// The number of examples.
  var exampleCount: Int { scenes.count }
  /// The number of concepts, those that were dropped included.
  var conceptCount: Int { dictionary.conceptCount }

  /// Reads the activations of some examples, and compiles what follows the layer.
  ///
  /// - Parameter rows: how many masks will be asked about at most.
  /// - Throws: `GraphError` for a layer that the class output does not depend on, and as reading does.
  init(
    _ concepts: LayerConcepts, in subject: DiscoverySubject, examples: [Int], rows: Int
  ) throws {
    dictionary = concepts.dictionary
    hasChannelsLast = concepts.hasChannelsLast
    target = subject.target.index
    var plain = Subject(subject.network, layers: [concepts.onnxValue])
    plain.shapes = subject.shapes
    plain.memory = subject.memory / 4
    plain.maximumBatch = 128
    let runner = try SubjectRunner(plain, from: .layers, rows: max(1, rows))
    let needsInput = runner.inputTypes.count > 1
    (self.runner, self.needsInput) = (runner, needsInput)
    shape = Array(runner.inputTypes[0].shape.dropFirst())
    guard (0..<runner.classCount).contains(subject.target.index) else {
      throw ConceptError(
        .parameters(
          "class '\(subject.target.name)' is output \(subject.target.index), the network has \(runner.classCount)"
        ))
    }
    var capture = Capture(subject.network, layers: [concepts.onnxValue])
    capture.shapes = subject.shapes
    capture.batchMemory = subject.memory / 4
    var scenes: [Scene] = []
    let source = ExampleSubset(subject.examples, examples)
    try capture.stream(source) { activations, _ in
      let places = try PositionRows(activations[0].shape, hasChannelsLast: concepts.hasChannelsLast)
      for row in 0..<places.exampleCount {
        let one = activations[0].rows(row..<row + 1)
        let rows = try PositionRows(one.shape, hasChannelsLast: concepts.hasChannelsLast).rows(one)
        let coefficients =
          places.positionCount > 1
          ? try concepts.dictionary.encode(rows) : try concepts.dictionary.mixture(rows)
        var rest = rows.matrix
        let decoded = try concepts.dictionary.decode(coefficients)
        for i in decoded.elements.indices { rest.elements[i] -= decoded.elements[i] }
        scenes.append(
          Scene(
            input: needsInput ? try source.values(at: scenes.count) : [],
            coefficients: coefficients, rest: rest))
      }
    }
    self.scenes = scenes
  }

  /// The outputs of one example under masks, one a row of concepts: masks × classes.
  ///
  /// - Parameter showsRest: whether what no concept holds is shown.
  func outputs(_ example: Int, _ masks: Matrix, showsRest: Bool) throws -> Matrix {
    let scene = scenes[example]
    let (positions, features) = (scene.coefficients.rowCount, dictionary.featureCount)
    var outputs: [Double] = []
    for start in stride(from: 0, to: masks.rowCount, by: runner.batchSize) {
      let range = start..<min(start + runner.batchSize, masks.rowCount)
      var dimmed = Matrix(rowCount: range.count * positions, columnCount: conceptCount)
      for (place, row) in range.enumerated() {
        for position in 0..<positions {
          for concept in 0..<conceptCount {
            dimmed[place * positions + position, concept] =
              masks[row, concept] * scene.coefficients[position, concept]
          }
        }
      }
      var rows = try dictionary.decode(dimmed)
      if showsRest {
        for place in range.indices.map({ $0 - range.lowerBound }) {
          for i in 0..<positions * features {
            rows.elements[place * positions * features + i] += scene.rest.elements[i]
          }
        }
      }
      let made = try PositionRows([range.count] + shape, hasChannelsLast: hasChannelsLast).tensor(rows)
      outputs += try run(made, scene.input, count: range.count, example: example)
    }
    return Matrix(rowCount: masks.rowCount, columnCount: classCount, elements: outputs)
  }

  /// The class output alone.
  func classOutputs(_ example: Int, _ masks: Matrix, showsRest: Bool) throws -> [Double] {
    let outputs = try outputs(example, masks, showsRest: showsRest)
    return (0..<outputs.rowCount).map { outputs[$0, target] }
  }

  /// The share of examples for which the class is the network's answer when it sees some concepts alone.
  ///
  /// - Parameter atoms: the place in the dictionary of each concept of the displays; others are hidden.
  func accuracy(_ displays: [ConceptDisplay], atoms: [Int]) throws -> [Double] {
    var masks = Matrix(rowCount: displays.count, columnCount: conceptCount)
    for (row, display) in displays.enumerated() {
      for (concept, atom) in atoms.enumerated() where display.concepts[concept] { masks[row, atom] = 1 }
    }
    var right = [Double](repeating: 0, count: displays.count)
    for example in scenes.indices {
      let outputs = try outputs(example, masks, showsRest: false)
      for row in right.indices where isRight(outputs, row) { right[row] += 1 / Double(scenes.count) }
    }
    return right
  }

  /// The share of examples for which the class is the network's answer.
  func wholeAccuracy() throws -> Double {
    var all = Matrix(rowCount: 1, columnCount: conceptCount)
    for concept in 0..<conceptCount { all[0, concept] = 1 }
    let right = try scenes.indices.count { isRight(try outputs($0, all, showsRest: true), 0) }
    return Double(right) / Double(max(1, scenes.count))
  }

  private func isRight(_ outputs: Matrix, _ row: Int) -> Bool {
    let own = outputs[row, target]
    return classCount > 1 ? (0..<classCount).allSatisfy { $0 == target || outputs[row, $0] < own } : own > 0
  }

  private func run(_ made: Tensor, _ input: [Float], count: Int, example: Int) throws -> [Double] {
    var inputs = [made.converted(to: runner.inputTypes[0].element)]
    if needsInput {
      let copies = (0..<count).flatMap { _ in input }
      let type = runner.inputTypes[1]
      inputs.append(
        Tensor(shape: [count] + type.shape.dropFirst(), copies).converted(to: type.element))
    }
    let places = [Int](repeating: example, count: count)
    return try runner(inputs, examples: places).output.converted(to: .float32).elements(as: Float.self).map {
      Double($0)
    }
  }
}
