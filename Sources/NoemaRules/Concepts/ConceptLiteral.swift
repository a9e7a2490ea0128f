public import NoemaAttribution
public import NoemaConcepts
public import NoemaGraph

/// One thing that rules over concepts may speak of: a name, a layer, and how it is read off the layer's activations.
///
/// ```swift
/// let striped = ConceptLiteral("striped", at: "layer4", ConceptDirection(cav))
/// let channels = try ConceptLiteral.units(of: layer, over: .max)
/// let parts = ConceptLiteral.atoms(of: dictionary, at: "layer4", over: .mean)
/// let grass = striped.present(above: 0.5)
/// ```
public struct ConceptLiteral: Sendable {
  /// How the positions of a unit, or of a dictionary's concept, become one number; without positions both are the
  /// value.
  public enum Positions: String, Sendable, Hashable, Codable, CaseIterable {
    /// The largest: whether it is anywhere.
    case max
    /// The mean: how much of it there is; of clusters, the share of positions that belong.
    case mean
  }

  /// How it is read.
  enum Reading: Sendable {
    case direction(ConceptDirection)
    case unit(Int, Positions)
    case atom(Int, Shared<any ConceptDictionary>, Positions)
    case answer(Int, Shared<FittedProbe>, Pooling)
  }

  /// What rules call it.
  public var name: String
  /// The layer, by a name that `noema inspect` lists.
  public let layer: String
  /// How it is read.
  var reading: Reading
  /// The concept counts as present above this score, and rules say `name` or `not name`; nil for the score itself.
  public private(set) var cutoff: Double?
  /// How well held-out examples of the concept are told from others; nil where nobody has labelled any.
  public var quality: LiteralQuality?

  private init(_ name: String, _ layer: String, _ reading: Reading) {
    (self.name, self.layer, self.reading) = (name, layer, reading)
  }

  // MARK: Making literals

  /// A concept along a direction, such as a CAV.
  public init(_ name: String, at layer: String, _ direction: ConceptDirection) {
    self.init(name, layer, .direction(direction))
  }

  /// The concept of a study's CAV, at its layer.
  public init(_ cav: SavedCAV) {
    self.init(cav.concept, cav.layer, .direction(ConceptDirection(cav)))
  }

  /// A hidden unit, or a channel over its positions; of sequences, a feature over the tokens.
  public static func unit(
    _ index: Int, at layer: String, over positions: Positions = .max, name: String? = nil
  ) -> ConceptLiteral {
    ConceptLiteral(name ?? "\(layer)[\(index)]", layer, .unit(index, positions))
  }

  /// All units of a layer, named `layer[0]`, `layer[1]` and so on.
  ///
  /// - Throws: `RuleError.malformed` for a layer without an axis of units.
  public static func units(of layer: Layer, over positions: Positions = .max) throws(RuleError)
    -> [ConceptLiteral]
  {
    let shape = try LayerBatch.positions(of: layer.shape, at: layer.name)
    return (0..<shape.channelCount).map { .unit($0, at: layer.name, over: positions) }
  }

  /// All concepts of a dictionary, such as the clusters of k-means: the coefficients at the positions of a layer.
  ///
  /// - Parameter names: one a concept; `concept 1` and so on when nil.
  public static func atoms(
    of dictionary: any ConceptDictionary, at layer: String, over positions: Positions = .mean,
    names: [String]? = nil
  ) -> [ConceptLiteral] {
    let shared = Shared<any ConceptDictionary>(dictionary)
    return (0..<dictionary.conceptCount).map { atom in
      let name = names.flatMap { $0.indices.contains(atom) ? $0[atom] : nil } ?? "concept \(atom + 1)"
      return ConceptLiteral(name, layer, .atom(atom, shared, positions))
    }
  }

  /// All classes of a probe, as the probabilities that it gives.
  public static func answers(
    of probe: FittedProbe, at layer: String, pooling: Pooling = .none
  ) -> [ConceptLiteral] {
    let shared = Shared(probe)
    return probe.classes.enumerated().map {
      ConceptLiteral($1, layer, .answer($0, shared, pooling))
    }
  }

  /// The same concept as there or not.
  ///
  /// - Parameter cutoff: it is there above this score; of a calibrated direction or a probe, 0.5 is as likely as not.
  public func present(above cutoff: Double) -> ConceptLiteral {
    var copy = self
    copy.cutoff = cutoff
    return copy
  }

  // MARK: What rules see

  /// The feature of the concept table.
  public var feature: Feature {
    cutoff == nil ? Feature(name, origin: origin) : .presence(name, origin: origin)
  }

  /// What it is and where it is read, in words.
  public var origin: String {
    switch reading {
    case .direction: "the concept '\(name)' at '\(layer)'"
    case .unit(let index, let positions): "unit \(index) of '\(layer)' (\(positions.rawValue) over positions)"
    case .atom(let index, _, let positions):
      "concept \(index + 1) of a dictionary of '\(layer)' (\(positions.rawValue) over positions)"
    case .answer: "a probe's probability of '\(name)' at '\(layer)'"
    }
  }

  /// Whether held-out examples say that the layer does not represent the concept.
  public var isUnrepresented: Bool { quality.map { !$0.isRepresented } ?? false }
}

/// A value that many literals read, so that what is made of it is made once.
final class Shared<Value: Sendable>: Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
