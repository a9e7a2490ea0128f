public import ArgumentParser
internal import Foundation
public import Noema

extension PictureParameters: ExpressibleByArgument {}

/// How pictures are made.
struct VisualizationOptions: ParsableArguments {
  @Option(help: "Steps uphill.") var steps = ActivationMaximization().steps
  @Option(help: "Pictures of each target.") var count = 1
  @Option(
    help: "What pictures of one target that are alike cost, as a share of the objective; needs --count.")
  var diversity = 0.0
  @Option(help: "Height and width of the pictures, as 224 or 224x320; the network's by default.")
  var size: String?
  @Option(help: "fourier, or pixels for comparison.") var parameters = PictureParameters.fourier
  @Option(help: "The power p of the spectrum's 1/f^p.") var decay = ActivationMaximization().decay
  @Option(help: "Adam's rate.") var rate = ActivationMaximization().rate
  @Option(help: "Largest shift of a view, as a share of the side.") var jitter = ViewRobustness.standard
    .jitter
  @Option(help: "Largest change of a view's size, as 0.1.") var zoom = ViewRobustness.standard.scale
  @Option(help: "Largest turn of a view in degrees.") var rotation = ViewRobustness.standard.rotation
  @Option(name: .customLong("total-variation"), help: "Weight of the total variation.") var totalVariation =
    0.0
  @Option(help: "Weight of the squared distance from grey, or from 0 for arrays.") var l2 = 0.0
  @Option(help: "The greatest length of arrays; √n by default.") var radius: Double?
  @Option(help: "The seed of the first noise and of views.") var seed: UInt64 = 7

  func maximization(memory: Int) throws -> ActivationMaximization {
    var maximization = ActivationMaximization()
    (maximization.steps, maximization.images, maximization.diversity) = (steps, count, diversity)
    (maximization.parameters, maximization.decay, maximization.rate) = (parameters, decay, rate)
    maximization.robustness = ViewRobustness(jitter: jitter, scale: zoom, rotation: rotation)
    (maximization.totalVariation, maximization.squares) = (totalVariation, l2)
    (maximization.seed, maximization.memory) = (seed, memory)
    if let size {
      let sides = size.split(whereSeparator: { "x×,".contains($0) }).map { Int($0) }
      guard (1...2).contains(sides.count), let height = sides.first!, let width = sides.last! else {
        throw ValidationError("--size expects 224 or 224x320, found '\(size)'.")
      }
      maximization.size = [height, width]
    }
    return maximization
  }

  var record: [(name: String, value: String)] {
    [
      ("parameters", parameters.rawValue), ("steps", "\(steps)"), ("rate", "\(rate)"), ("decay", "\(decay)"),
      ("pictures of each target", "\(count)"), ("diversity", "\(diversity)"),
      ("size", size ?? "the network's"),
      ("views", "shift \(jitter), scale \(zoom), turn \(rotation)°"),
      ("total variation", "\(totalVariation)"),
      ("squares", "\(l2)"), ("seed", "\(seed)"),
    ]
  }
}

/// The targets of a run, all at one layer.
struct ChosenTargets {
  var targets: [VisualizationTarget]
  /// `unit`, `class`, `cav` or `direction`, and the index of each where it has one.
  var kind: String
  var indices: [Int?]
  /// The layer's name, and its ONNX value; nil for the output.
  var layer: String
  var onnxValue: String?
}

/// What pictures are made for.
struct VisualizationTargetOptions: ParsableArguments {
  @Option(help: "A layer: short name, ONNX value or node, module path, or Operator:N.") var layer: String?
  @Option(help: "Units of the layer, as 0,5,17 or 0-7.") var units: String?
  @Option(name: .customLong("class"), parsing: .upToNextOption, help: "A class by name or index. Repeatable.")
  var classes: [String] = []
  @Option(help: "A result folder of noema tcav, or a .npy file of a direction or one a row.") var cav: String?
  @Option(parsing: .upToNextOption, help: "A concept of --cav; all of them by default. Repeatable.")
  var concept: [String] = []
  @Option(help: "Where a unit is looked at: mean over positions, or centre.") var place = "mean"
  @Option(help: "One position instead, as 3,4.") var position: String?
  @Option(
    name: .customLong("cosine-power"),
    help: "The power of the cosine between layer and direction that values are multiplied by.")
  var cosinePower = 0.0
  @Flag(help: "Look for the least value instead: what suppresses the target.") var minimize = false

  func chosen(_ model: LoadedModel) throws -> ChosenTargets {
    let kinds = [("--units", units != nil), ("--class", !classes.isEmpty), ("--cav", cav != nil)]
    let given = kinds.filter(\.1).map(\.0)
    guard given.count == 1 else {
      throw ValidationError(
        given.isEmpty
          ? "Say what to visualize: --layer with --units, --class, or --cav."
          : "\(given.joined(separator: " and ")) are at different layers; give one of them.")
    }
    if !concept.isEmpty, cav == nil { throw ValidationError("--concept names concepts of --cav FOLDER.") }
    let place = try chosenPlace()
    var chosen: ChosenTargets
    if let units {
      chosen = try chosenUnits(units, model)
    } else if let cav {
      chosen = try chosenDirections(cav, model)
    } else {
      chosen = try chosenClasses(model)
    }
    for index in chosen.targets.indices {
      // Classes have no positions.
      if classes.isEmpty { chosen.targets[index].place = place }
      chosen.targets[index].cosinePower = cosinePower
      chosen.targets[index].isMinimised = minimize
    }
    return chosen
  }

  private func chosenPlace() throws -> VisualizationTarget.Place {
    if let position {
      let numbers = position.split(separator: ",").map { Int($0) }
      guard !numbers.isEmpty, numbers.allSatisfy({ $0 != nil }) else {
        throw ValidationError(
          "--position expects whole numbers with commas between, as 3,4, found '\(position)'.")
      }
      return .position(numbers.map { $0! })
    }
    switch place {
    case "mean": return .mean
    case "centre", "center": return .centre
    default: throw ValidationError("--place expects mean or centre, found '\(place)'.")
    }
  }

  private func chosenClasses(_ model: LoadedModel) throws -> ChosenTargets {
    if let layer {
      throw ValidationError("--class is about the output; leave --layer \(layer) out, or give --units.")
    }
    let count = try model.network.classCount(shapes: model.shapes)
    let indices = try classes.map { try model.classIndex($0, count: count) }
    return ChosenTargets(
      targets: indices.map { VisualizationTarget(model.className($0), .unit($0)) }, kind: "class",
      indices: indices, layer: "the output", onnxValue: nil)
  }

  private func chosenUnits(_ text: String, _ model: LoadedModel) throws -> ChosenTargets {
    guard let layer else {
      throw ValidationError("--units needs the --layer that they are of; `noema inspect` lists them.")
    }
    let found = try model.layer(matching: layer)
    let numbers = try unitNumbers(text)
    return ChosenTargets(
      targets: numbers.map { VisualizationTarget("unit \($0)", .unit($0)) }, kind: "unit", indices: numbers,
      layer: found.name, onnxValue: found.onnxValue)
  }

  /// `0,5,17` or `0-7`, no unit twice.
  private func unitNumbers(_ text: String) throws -> [Int] {
    var numbers: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first >= 0,
        last >= first, last - first < 1 << 16
      else { throw ValidationError("--units expects numbers as 0,5,17 or 0-7, found '\(text)'.") }
      for number in first...last where !numbers.contains(number) { numbers.append(number) }
    }
    return numbers
  }

  private func chosenDirections(_ path: String, _ model: LoadedModel) throws -> ChosenTargets {
    if path.lowercased().hasSuffix(".npy") { return try directions(ofFile: path, model) }
    var saved = try SavedCAV.read(folder: path)
    if let layer {
      let value = try model.layer(matching: layer).onnxValue
      saved = saved.filter { $0.onnxValue == value }
      guard !saved.isEmpty else {
        throw ConceptError(.mismatch("the study has no CAV at '\(layer)'"), at: path)
      }
    }
    // A study of several networks has CAVs for each.
    let own = saved.filter { $0.modelHash == model.network.hash }
    if !own.isEmpty { saved = own }
    let wanted = concept.isEmpty ? saved.map(\.concept) : concept
    var cavs: [SavedCAV] = []
    for name in wanted {
      let found = saved.filter { $0.concept == name }
      guard !found.isEmpty else {
        throw ConceptError(
          .unknownName(
            name, what: "concept in that study",
            suggestions: EditDistance.nearest(name, in: Array(Set(saved.map(\.concept))).sorted())), at: path)
      }
      for cav in found where !cavs.contains(cav) { cavs.append(cav) }
    }
    let layers = Set(cavs.map(\.onnxValue)), names = Set(cavs.map(\.layer)).sorted()
    guard let first = cavs.first, layers.count == 1 else {
      throw ValidationError(
        "The study has CAVs at several layers (\(names.joined(separator: ", "))); name one with --layer.")
    }
    for cav in cavs {
      try cav.check(
        model: model.network, onnxValue: cav.onnxValue, pooling: cav.pooling,
        featureCount: cav.direction.count)
    }
    return ChosenTargets(
      targets: cavs.map { VisualizationTarget($0.concept, .vector($0.direction)) }, kind: "cav",
      indices: cavs.map { _ in nil }, layer: first.layer, onnxValue: first.onnxValue)
  }

  private func directions(ofFile path: String, _ model: LoadedModel) throws -> ChosenTargets {
    guard let layer else {
      throw ValidationError("A direction of a .npy file needs the --layer that it is of.")
    }
    guard concept.isEmpty else {
      throw ValidationError("--concept names concepts of a study; \(path) has none.")
    }
    let array = try NPYFile.read(path).converted(to: .float32)
    guard array.rank == 1 || array.rank == 2, array.count > 0 else {
      throw DataError(
        .malformed("expected a direction [n], or one a row [k, n], found shape \(array.shape)"), at: path)
    }
    let rows = array.rank == 1 ? 1 : array.shape[0]
    let values = array.elements(as: Float.self), width = values.count / rows
    let found = try model.layer(matching: layer)
    let name = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
    return ChosenTargets(
      targets: (0..<rows).map { row in
        VisualizationTarget(
          rows == 1 ? name : "\(name) \(row)", .vector(Array(values[row * width..<(row + 1) * width])))
      }, kind: "direction", indices: (0..<rows).map { $0 }, layer: found.name, onnxValue: found.onnxValue)
  }

  var record: [(name: String, value: String)] {
    let what =
      units.map { "units \($0)" }
      ?? (classes.isEmpty ? "directions of \(cav ?? "")" : "classes \(classes.joined(separator: ", "))")
    return [
      ("targets", what), ("layer", layer ?? "as the targets say"), ("place", position ?? place),
      ("cosine power", "\(cosinePower)"), ("looked for", minimize ? "the least" : "the most"),
    ]
  }
}
