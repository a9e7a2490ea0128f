import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaRules

/// A network that is rules over whole numbers: a layer of steps, one a threshold, a layer of conjunctions of steps, and
/// classes that add these up; or classes that count steps.
///
/// Thresholds lie midway between whole numbers, where also those of trees over all whole numbers lie.
struct PlantedLayers: Sendable, CustomTestStringConvertible {
  enum Activation: String, Sendable, CaseIterable {
    /// A steep one: half a unit from a threshold it is 0 or 1 up to 2e-9.
    case sigmoid = "Sigmoid"
    /// A step is the difference of two.
    case rectifier = "Relu"
  }

  /// A class above 0 and where it is the answer; elsewhere it is class 0. Boxes of different classes don't meet.
  struct Box: Sendable {
    let label: Int
    let terms: [Term]
  }

  let name: String
  let activation: Activation
  /// Feature i takes the whole numbers below `sizes[i]`.
  let sizes: [Int]
  let boxes: [Box]
  /// When set, class 1 is the answer where so many terms of the only box hold, and there is no layer of conjunctions.
  var atLeast: Int?

  var testDescription: String { "\(name), \(activation)" }
  var features: [Feature] { sizes.indices.map { Feature("x\($0)") } }
  var classes: [String] { (0...(boxes.map(\.label).max() ?? 1)).map { "k\($0)" } }

  /// Every example.
  func grid() throws -> RuleTable {
    let count = sizes.reduce(1, *)
    return try RuleTable(
      features: features,
      rows: (0..<count).map { row in
        var rest = row
        return sizes.map { size in
          defer { rest /= size }
          return Double(rest % size)
        }
      })
  }

  /// The rules that were planted.
  func rules() throws -> RuleSet {
    let clauses: [(label: Int, clause: Clause)] =
      if let atLeast {
        try MOfN(atLeast, of: boxes[0].terms).clauses().map { (1, $0) }
      } else {
        boxes.map { ($0.label, Clause($0.terms)) }
      }
    return try RuleSet(
      features: features, classes: classes,
      rules: clauses.map { Rule($0.clause, .label($0.label)) }, resolution: .firstMatch,
      defaultConclusion: .label(0))
  }

  /// The same rules over features in another order; feature i stands at `places[i]`.
  func moved(to places: [Int]) -> PlantedLayers {
    var sizes = sizes
    for (feature, place) in places.enumerated() { sizes[place] = self.sizes[feature] }
    return PlantedLayers(
      name: name + ", moved", activation: activation, sizes: sizes,
      boxes: boxes.map { Box(label: $0.label, terms: $0.terms.map { $0.moved(to: places) }) },
      atLeast: atLeast)
  }

  // MARK: Layers

  private struct Cut: Hashable {
    let feature: Int
    let threshold: Double
  }

  /// The network, with the hidden layers `steps` and, unless it counts, `boxes`.
  func network() throws -> TableNetwork {
    var draft = ModelDraft()
    draft.input("x", [nil, sizes.count])
    let steep: Float = activation == .sigmoid ? 40 : 1
    var places: [Cut: Int] = [:]
    for term in boxes.flatMap(\.terms) {
      let cut = Cut(feature: term.feature, threshold: term.threshold ?? 0)
      if places[cut] == nil { places[cut] = places.count }
    }
    let cuts = places.sorted { $0.value < $1.value }.map(\.key)
    // A rectifier's step from 0 to 1 over the unit around the threshold is that of its unit 2j less that of 2j + 1.
    let ends: [Float] = activation == .sigmoid ? [0] : [-0.5, 0.5]
    let units = cuts.flatMap { cut in ends.map { (cut, $0) } }
    draft.dense(
      "x", "steps",
      weights: sizes.indices.map { feature in units.map { $0.0.feature == feature ? steep : 0 } },
      biases: units.map { -steep * (Float($0.0.threshold) + $0.1) }, activation.rawValue)
    /// How much each unit counts in a sum of terms, 1 for each that holds, and what is added.
    func sum(_ terms: [Term]) -> (weights: [Float], bias: Float) {
      var (weights, bias) = ([Float](repeating: 0, count: units.count), Float(0))
      for term in terms {
        let place = places[Cut(feature: term.feature, threshold: term.threshold ?? 0)] ?? 0
        var sign: Float = 1
        if case .atMost = term { (sign, bias) = (-1, bias + 1) }
        for end in ends.indices { weights[place * ends.count + end] += end == 0 ? sign : -sign }
      }
      return (weights, bias)
    }
    if let atLeast {
      let sum = sum(boxes[0].terms)
      draft.dense(
        "steps", "scores", weights: sum.weights.map { [0, 10 * $0] },
        biases: [0, 10 * (sum.bias - Float(atLeast) + 0.5)])
    } else {
      let sums = boxes.map { sum($0.terms) }
      // Above 0 where all terms hold: a half for the logistic function, 1 for a rectifier.
      let margin: Float = activation == .sigmoid ? 0.5 : 1
      draft.dense(
        "steps", "boxes", weights: units.indices.map { unit in sums.map { steep * $0.weights[unit] } },
        biases: zip(sums, boxes).map { steep * ($0.bias - Float($1.terms.count) + margin) },
        activation.rawValue)
      let labels = classes.indices
      draft.dense(
        "boxes", "scores", weights: boxes.map { box in labels.map { $0 == box.label ? 10 : 0 } },
        biases: labels.map { $0 == 0 ? 5 : 0 })
    }
    draft.output("scores")
    return try TableNetwork(Network(bytes: draft.bytes()), features: features, classes: classes)
  }
}

extension ModelDraft {
  /// Adds `activation(x · weights + biases)`.
  ///
  /// - Parameter weights: a row a column of x.
  mutating func dense(
    _ input: String, _ output: String, weights: [[Float]], biases: [Float], _ activation: String? = nil
  ) {
    initialiser(
      "\(output).weight", Tensor(shape: [weights.count, biases.count], weights.flatMap { $0 }))
    initialiser("\(output).bias", Tensor(shape: [biases.count], biases))
    let sum = activation == nil ? output : "\(output).sum"
    node("Gemm", [input, "\(output).weight", "\(output).bias"], [sum])
    if let activation { node(activation, [sum], [output]) }
  }
}

extension Term {
  func moved(to places: [Int]) -> Term {
    if case .atMost(let feature, let threshold, let orMissing) = self {
      return .atMost(places[feature], threshold, orMissing: orMissing)
    }
    return .above(places[feature], threshold ?? 0)
  }
}

extension PlantedLayers {
  static let all: [PlantedLayers] = Activation.allCases.flatMap { activation -> [PlantedLayers] in
    let exclusive: [Box] = [
      Box(label: 1, terms: [.above(0, 3.5), .above(1, 2.5)]),
      Box(label: 1, terms: [.atMost(0, 3.5), .atMost(1, 2.5)]),
    ]
    let three: [Box] = [
      Box(label: 1, terms: [.atMost(0, 1.5), .above(2, 1.5)]),
      Box(label: 2, terms: [.above(0, 4.5), .atMost(1, 3.5), .atMost(2, 3.5)]),
    ]
    let either: [Box] = [
      Box(label: 1, terms: [.above(0, 3.5), .atMost(1, 2.5)]),
      Box(label: 1, terms: [.above(2, 2.5), .above(1, 3.5)]),
    ]
    let sizes = [7, 6, 5, 2]
    return [
      PlantedLayers(name: "either of two boxes", activation: activation, sizes: sizes, boxes: either),
      PlantedLayers(name: "three classes", activation: activation, sizes: sizes, boxes: three),
      PlantedLayers(name: "exclusive or", activation: activation, sizes: sizes, boxes: exclusive),
      PlantedLayers(
        name: "two of three", activation: activation, sizes: sizes,
        boxes: [Box(label: 1, terms: [.above(0, 2.5), .atMost(1, 3.5), .above(2, 1.5)])], atLeast: 2),
    ]
  }
}
