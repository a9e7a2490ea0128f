import Foundation
@testable import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// What scripts/golden/classical.py records for a model.
private struct Answer: Decodable {
  /// A number, or NaN as text, which JSON lacks.
  struct Number: Decodable {
    let value: Float
    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      value = (try? container.decode(Float.self)) ?? .nan
    }
  }
  /// A label: a number or text.
  enum Label: Decodable, Equatable {
    case number(Int64)
    case text(String)
    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let number = try? container.decode(Int64.self) {
        self = .number(number)
      } else {
        self = .text(try container.decode(String.self))
      }
    }
  }
  let x: [[Number]]
  let scores, sklearn: [[Float]]
  let labels: [Label]?
  let classes: [String]?
}

private func fixture(_ name: String) throws -> String {
  try #require(Bundle.module.resourcePath) + "/Fixtures/" + name
}

private let answers: [String: Answer] = {
  guard let path = try? fixture("classical.json"), let data = FileManager.default.contents(atPath: path)
  else {
    return [:]
  }
  return (try? JSONDecoder().decode([String: Answer].self, from: data)) ?? [:]
}()

/// Models of scikit-learn as skl2onnx writes them, against ONNX Runtime and scikit-learn itself, and the corners of
/// the operators that these models do not reach.
@Suite struct ClassicalMLTests {
  @Test func modelsAreThere() { #expect(answers.count > 20) }

  @Test(arguments: answers.keys.sorted())
  func modelsAnswerAsTheirMakers(_ name: String) throws {
    let answer = answers[name]!
    let network = try Network(contentsOf: fixture(name + ".onnx"))
    let x = Tensor(shape: [answer.x.count, answer.x[0].count], answer.x.flatMap { $0.map(\.value) })
    let graph = try network.graph(batch: answer.x.count)
    let main = try #require(graph.mainOutput)
    let index = try #require(graph.outputs.firstIndex(of: main))
    let results = try Session(graph.applying(Pass.canonical)).run([x])
    let scores = results[index].elements(as: Float.self)
    let expected = answer.scores.flatMap { $0 }
    let tolerance = 1e-5 * max(1, expected.map(\.magnitude).max() ?? 0)
    #expect(scores.count == expected.count)
    #expect(zip(scores, expected).allSatisfy { abs($0 - $1) <= tolerance }, "\(name): \(scores) \(expected)")
    // skl2onnx writes decisions of its own for three classes of an SVM.
    if answer.sklearn.count == answer.scores.count, answer.sklearn[0].count == answer.scores[0].count,
      name != "svc_rbf"
    {
      let theirs = answer.sklearn.flatMap { $0 }
      #expect(
        zip(scores, theirs).allSatisfy { abs($0 - $1) <= 10 * tolerance }, "\(name): \(scores) \(theirs)")
    }
    let interpreted = try graph.interpreted([x])[index].elements(as: Float.self)
    #expect(zip(scores, interpreted).allSatisfy { abs($0 - $1) <= tolerance }, "\(name) interpreted")
    guard let labels = answer.labels else { return }
    switch labels[0] {
    case .number:
      #expect(results[0].elementType == .int64)
      #expect(results[0].elements(as: Int64.self).map { .number($0) } == labels)
    case .text:
      // Labels that are text are no output; the classes have their names, in the order of the scores.
      #expect(graph.outputs.count == 1 && network.outputs.count == 1)
      #expect(network.classNames.count > 1)
      if let classes = answer.classes { #expect(network.classNames == classes) }
    }
  }

  @Test func derivativesPassThroughLinearModels() throws {
    let network = try Network(contentsOf: try fixture("pipeline_norms.onnx"))
    let graph = try network.graph(batch: 2)
    let back = try graph.backward(from: #require(graph.mainOutput), to: graph.inputs)
    #expect(back.cotangents[0] != nil)
    let support = try Network(contentsOf: try fixture("forest_labels.onnx")).operatorSupport()
    #expect(
      support.first { $0.name == "ai.onnx.ml.TreeEnsembleClassifier" }?.differentiation
        == OperatorSupport.Differentiation.none)
    #expect(support.allSatisfy { $0.isRead })
  }

  // MARK: Single operators

  private func run(
    _ operation: String, _ operands: [Tensor], results: [String] = ["y"], version: Int = 3,
    _ attributes: [String: ModelDraft.Attribute]
  ) throws -> [Tensor] {
    var draft = ModelDraft()
    draft.importDomain("ai.onnx.ml", version: version)
    for (index, tensor) in operands.enumerated() {
      draft.input("x\(index)", tensor.shape.map { Optional($0) }, tensor.elementType)
    }
    draft.node(operation, operands.indices.map { "x\($0)" }, results, domain: "ai.onnx.ml", attributes)
    for name in results { draft.output(name) }
    let graph = try Network(bytes: draft.bytes()).graph()
    let engine = try Session(graph).run(operands)
    for (a, b) in zip(try graph.interpreted(operands), engine) {
      // Exponentials differ in their last digit.
      let isSame = a.elementType == .float32 ? isNear(floats(a), floats(b)) : a == b
      #expect(isSame, "\(a) interpreted, \(b) compiled")
    }
    return engine
  }

  private func floats(_ tensor: Tensor) -> [Float] { tensor.elements(as: Float.self) }
  private func isNear(_ a: [Float], _ b: [Float]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN || abs($0 - $1) < 2e-5 }
  }
  private let column = Tensor(shape: [4, 1], [Float(0.7), 0.2, -1.5, 0])

  /// What ONNX Runtime gives for one score of two classes, which the standard leaves open.
  @Test(arguments: [
    ("NONE", [Float(0.3), 0.7, 0.8, 0.2, 2.5, -1.5, 1, 0]),
    ("LOGISTIC", [0.33181, 0.66819, 0.45017, 0.54983, 0.81757, 0.18243, 0.5, 0.5]),
  ])
  func oneScoreMakesTwo(_ transform: String, _ expected: [Float]) throws {
    let results = try run(
      "LinearClassifier", [column], results: ["label", "y"],
      [
        "coefficients": .floats([1]), "intercepts": .floats([0]), "classlabels_ints": .ints([5, 7]),
        "post_transform": .string(transform),
      ])
    #expect(results[0].elements(as: Int64.self) == [7, 7, 5, 5])
    #expect(isNear(floats(results[1]), expected), "\(results[1])")
  }

  private static let transforms: [(String, [Float])] = [
    ("SOFTMAX", [0.51874, 0.48126, 0.47502, 0.52498]), ("SOFTMAX_ZERO", [0.51874, 0.48126, 0, 1]),
    ("LOGISTIC", [0.58662, 0.56832, 0.5, 0.52498]),
    ("PROBIT", [-0.38534, -0.59782, -Float.infinity, -1.28171]),
  ]

  @Test(arguments: transforms)
  func transformsAreApplied(_ transform: String, _ expected: [Float]) throws {
    let x = Tensor(shape: [2, 1], [Float(0.35), 0])
    let y = try run(
      "LinearRegressor", [x],
      [
        "coefficients": .floats([1, 0.5]), "intercepts": .floats([0, 0.1]), "targets": .int(2),
        "post_transform": .string(transform),
      ])[0]
    #expect(zip(floats(y), expected).allSatisfy { $0 == $1 || abs($0 - $1) < 2e-5 }, "\(y)")
  }

  /// A tree that asks once, its leaves voting for classes.
  private func stump(
    _ classes: [Int], _ weights: [Float], _ transform: String, base: [Float]? = nil,
    mode: String = "BRANCH_LEQ"
  ) -> [String: ModelDraft.Attribute] {
    var attributes: [String: ModelDraft.Attribute] = [
      "nodes_treeids": .ints([0, 0, 0]), "nodes_nodeids": .ints([0, 1, 2]),
      "nodes_featureids": .ints([0, 0, 0]),
      "nodes_values": .floats([0.5, 0, 0]), "nodes_modes": .strings([mode, "LEAF", "LEAF"]),
      "nodes_truenodeids": .ints([1, 0, 0]), "nodes_falsenodeids": .ints([2, 0, 0]),
      "class_treeids": .ints([0, 0]), "class_nodeids": .ints([1, 2]), "class_ids": .ints(classes),
      "class_weights": .floats(weights), "classlabels_int64s": .ints([5, 7]),
      "post_transform": .string(transform),
    ]
    if let base { attributes["base_values"] = .floats(base) }
    return attributes
  }

  private struct Vote {
    let classes: [Int]
    let weights: [Float]
    let transform: String
    var base: [Float]?
    let expected: [Float]
  }

  private static let votes: [Vote] = [
    Vote(classes: [0, 0], weights: [0.3, 0.8], transform: "NONE", expected: [0.7, 0.3, 0.2, 0.8]),
    Vote(classes: [0, 0], weights: [-0.3, 0.8], transform: "NONE", expected: [0.3, -0.3, -0.8, 0.8]),
    Vote(
      classes: [0, 0], weights: [0.3, 0.8], transform: "LOGISTIC", base: [0.1],
      expected: [0.40131, 0.59869, 0.28905, 0.71095]),
    Vote(
      classes: [1, 1], weights: [0.3, 0.8], transform: "SOFTMAX",
      expected: [0.42556, 0.57444, 0.31003, 0.68997]),
  ]

  @Test func treesVoteForOneOfTwoClasses() throws {
    let x = Tensor(shape: [2, 1], [Float(0.2), 0.7])
    for vote in Self.votes {
      let results = try run(
        "TreeEnsembleClassifier", [x], results: ["label", "y"],
        stump(vote.classes, vote.weights, vote.transform, base: vote.base))
      #expect(results[0].elements(as: Int64.self) == [5, 7])
      #expect(isNear(floats(results[1]), vote.expected), "\(vote) \(results[1])")
    }
  }

  /// Two trees of one branching, under every test and way to combine, with a missing feature.
  @Test func testsAndAggregatesHold() throws {
    let modes: [(String, (Float) -> Bool)] = [
      ("BRANCH_LEQ", { $0 <= 0.5 }), ("BRANCH_LT", { $0 < 0.5 }), ("BRANCH_GTE", { $0 >= 0.5 }),
      ("BRANCH_GT", { $0 > 0.5 }), ("BRANCH_EQ", { $0 == 0.5 }), ("BRANCH_NEQ", { $0 != 0.5 }),
    ]
    let aggregates: [(String, (Float, Float) -> Float)] = [
      ("SUM", { $0 + $1 }), ("AVERAGE", { ($0 + $1) / 2 }), ("MIN", { min($0, $1) }),
      ("MAX", { max($0, $1) }),
    ]
    let numbers: [Float] = [0.2, 0.5, 0.8, .nan]
    for (mode, holds) in modes {
      for (aggregate, combined) in aggregates {
        for tracks in [false, true] {
          let y = try run(
            "TreeEnsembleRegressor", [Tensor(shape: [4, 1], numbers)],
            [
              "nodes_treeids": .ints([0, 0, 0, 4, 4, 4]), "nodes_nodeids": .ints([0, 1, 2, 0, 1, 2]),
              "nodes_featureids": .ints([0, 0, 0, 0, 0, 0]), "nodes_values": .floats([0.5, 0, 0, 0.5, 0, 0]),
              "nodes_modes": .strings([mode, "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"]),
              "nodes_truenodeids": .ints([1, 0, 0, 1, 0, 0]),
              "nodes_falsenodeids": .ints([2, 0, 0, 2, 0, 0]),
              "nodes_missing_value_tracks_true": .ints([tracks ? 1 : 0, 0, 0, 0, 0, 0]),
              "target_treeids": .ints([0, 0, 4, 4]), "target_nodeids": .ints([1, 2, 1, 2]),
              "target_ids": .ints([0, 0, 0, 0]), "target_weights": .floats([1, -2, 10, 3]),
              "n_targets": .int(1), "aggregate_function": .string(aggregate), "base_values": .floats([0.25]),
            ])[0]
          let expected = numbers.map { x in
            combined(holds(x) || (tracks && x.isNaN) ? 1 : -2, x <= 0.5 ? 10 : 3) + 0.25
          }
          #expect(floats(y) == expected, "\(mode) \(aggregate) \(tracks)")
        }
      }
    }
  }

  /// More rows than walk a tree together.
  @Test func manyRowsVoteEachForItself() throws {
    let numbers = (0..<300).map { Float($0 % 7) / 7 }
    let results = try run(
      "TreeEnsembleClassifier", [Tensor(shape: [300, 1], numbers)], results: ["label", "y"],
      stump([0, 1], [0.25, 0.75], "NONE"))
    #expect(floats(results[1]) == numbers.flatMap { $0 <= 0.5 ? [0.25, 0] : [0, 0.75] })
    #expect(results[0].elements(as: Int64.self) == numbers.map { $0 <= 0.5 ? 5 : 7 })
  }

  @Test func malformedTreesAreRefused() throws {
    let x = Tensor(shape: [2, 1], [Float(0.2), 0.7])
    func error(_ key: String, _ value: ModelDraft.Attribute) -> GraphError? {
      var attributes = stump([0, 0], [0.3, 0.8], "NONE")
      attributes[key] = value
      return #expect(throws: GraphError.self) {
        try run("TreeEnsembleClassifier", [x], results: ["label", "y"], attributes)
      }
    }
    // A node that is its own child, children and votes of nodes that do not exist, more features than there are.
    for (key, value) in [
      ("nodes_truenodeids", ModelDraft.Attribute.ints([0, 0, 0])), ("nodes_falsenodeids", .ints([9, 0, 0])),
      ("class_nodeids", .ints([1, 0])), ("class_ids", .ints([0, 4])), ("nodes_featureids", .ints([3, 0, 0])),
      ("nodes_featureids", .ints([-1, 0, 0])), ("nodes_values", .floats([1])),
      ("post_transform", .string("?")),
      ("nodes_modes", .strings(["BRANCH_ODD", "LEAF", "LEAF"])), ("nodes_treeids", .ints([0, 0])),
    ] {
      #expect(error(key, value)?.category == .badData, "\(key)")
    }
  }

  @Test func pairsCouple() throws {
    let attributes: [String: ModelDraft.Attribute] = [
      "support_vectors": .floats([1, -1, 0.3]), "vectors_per_class": .ints([1, 1, 1]),
      "kernel_type": .string("RBF"),
      "kernel_params": .floats([0.5, 0, 0]), "classlabels_ints": .ints([5, 7, 9]),
      "coefficients": .floats([0.5, -0.4, 0.3, -0.2, 0.6, -0.7]), "rho": .floats([0.1, 0.2, -0.3]),
    ]
    let raw = try run("SVMClassifier", [column], results: ["label", "y"], attributes)
    #expect(raw[0].elements(as: Int64.self) == [5, 5, 7, 5])
    #expect(
      isNear(
        floats(raw[1]),
        [
          0.4837, 0.28574, -0.80473, 0.26837, 0.35327, -0.70446, -0.23103, 0.25058, 0.09097, 0.16065, 0.36549,
          -0.60528,
        ]
      ))
    let coupled = try run(
      "SVMClassifier", [column], results: ["label", "y"],
      attributes.merging(["prob_a": .floats([-1.2, -1, -2]), "prob_b": .floats([0.1, 0, 0.2])]) { $1 })
    #expect(
      isNear(
        floats(coupled[1]),
        [
          0.44502, 0.14994, 0.40504, 0.42721, 0.17908, 0.3937, 0.31518, 0.3737, 0.31112, 0.41114, 0.20026,
          0.3886,
        ]))
  }

  @Test func twoClassesHaveOneDecision() throws {
    for (transform, expected) in [
      ("NONE", [Float(-0.8), 0.8]), ("SOFTMAX", [0.2, 0.8]), ("LOGISTIC", [0.31003, 0.68997]),
    ] {
      let results = try run(
        "SVMClassifier", [Tensor(shape: [1, 1], [Float(0.7)])], results: ["label", "y"],
        [
          "support_vectors": .floats([1, -1]), "vectors_per_class": .ints([1, 1]),
          "kernel_type": .string("LINEAR"),
          "classlabels_ints": .ints([5, 7]), "coefficients": .floats([0.5, -0.5]), "rho": .floats([0.1]),
          "post_transform": .string(transform),
        ])
      #expect(results[0].elements(as: Int64.self) == [5])
      #expect(isNear(floats(results[1]), expected))
    }
  }

  @Test func rowsAreNormalised() throws {
    let x = Tensor(shape: [2, 3], [Float(1), -4, 2, 0, 0, 0])
    let expected: [String: [Float]] = [
      "MAX": [0.5, -2, 1, 0, 0, 0], "L1": [0.142857, -0.571429, 0.285714, 0, 0, 0],
      "L2": [0.218218, -0.872872, 0.436436, 0, 0, 0],
    ]
    for (norm, wanted) in expected {
      let y = try run("Normalizer", [x], ["norm": .string(norm)])[0]
      #expect(isNear(floats(y), wanted), "\(norm) \(y)")
    }
  }

  @Test func labelsAreMapped() throws {
    let whole = try run(
      "LabelEncoder", [Tensor(shape: [2, 2], [Int64(3), 9, -1, 3])],
      ["keys_int64s": .ints([3, -1]), "values_floats": .floats([0.5, 2]), "default_float": .float(-7)])
    #expect(whole[0] == Tensor(shape: [2, 2], [Float(0.5), -7, 2, 0.5]))
    let parts = try run(
      "LabelEncoder", [Tensor(shape: [3], [Float.nan, -0.0, 1])],
      ["keys_floats": .floats([.nan, 0]), "values_int64s": .ints([4, 5])])
    #expect(parts[0] == Tensor(shape: [3], [Int64(4), 5, -1]))
    let error = #expect(throws: GraphError.self) {
      try run("LabelEncoder", [column], ["keys_floats": .floats([1]), "values_strings": .strings(["a"])])
    }
    #expect(error?.category == .unsupported)
  }

  @Test func featuresAreChosenAndJoined() throws {
    let x = Tensor(shape: [2, 3], (1...6).map(Float.init))
    let chosen = try run("ArrayFeatureExtractor", [x, Tensor(shape: [2], [Int64(2), 0])], [:])
    #expect(chosen[0] == Tensor(shape: [2, 2], [Float(3), 1, 6, 4]))
    let joined = try run("FeatureVectorizer", [x, x], ["inputdimensions": .ints([3, 3])])
    #expect(joined[0].shape == [2, 6])
    let codes = try run(
      "OneHotEncoder", [Tensor(shape: [3], [Int64(7), 2, 5])], ["cats_int64s": .ints([2, 7])])
    #expect(codes[0] == Tensor(shape: [3, 2], [Float(0), 1, 1, 0, 0, 0]))
    let filled = try run(
      "Imputer", [Tensor(shape: [2, 2], [Int64(1), 0, 0, 4])],
      ["imputed_value_int64s": .ints([8, 9]), "replaced_value_int64": .int(0)])
    #expect(filled[0] == Tensor(shape: [2, 2], [Int64(1), 9, 8, 4]))
  }
}
