internal import ArgumentParser
internal import Foundation
internal import Noema

/// How a network's inputs are made, where the model card does not say so or says otherwise.
struct InputOptions: ParsableArguments {
  @Option(
    name: .customLong("model-card"),
    help: "What inputs and outputs mean; MODEL.yaml beside the model by default.")
  var modelCard: String?
  @Option(name: .customLong("input-size"), help: "Height and width of input images, as 224 or 224x320.")
  var inputSize: String?
  @Option(help: "none, exact (stretch), or the length of the shorter side.") var resize: String?
  @Option(help: "nearest, box, bilinear, hamming, bicubic or lanczos.") var filter: String?
  @Option(help: "none or centre.") var crop: String?
  @Option(name: .customLong("color-order"), help: "rgb, bgr or grey.") var colorOrder: String?
  @Option(name: .customLong("pixel-scale"), help: "What bytes are multiplied by, as 0.0039 or 1/255.")
  var pixelScale: String?
  @Option(help: "Mean per channel, as 0.485,0.456,0.406.") var mean: String?
  @Option(help: "Deviation per channel, as 0.229,0.224,0.225.") var std: String?
  @Option(help: "nchw or nhwc.") var layout: String?
  @Option(
    name: .customLong("input-shape"),
    help: "An input's shape where the file leaves it open: NAME=1x3x224x224.")
  var inputShapes: [String] = []

  /// Opens a network and works out how its inputs are made.
  ///
  /// - Parameters:
  ///   - model: the ONNX file.
  ///   - classes: the file of class names; the model card's, or the network's own, by default.
  func load(_ model: String, classes: String?) throws -> LoadedModel {
    let network = try Network(contentsOf: model)
    if !network.unsupportedOperators.isEmpty {
      throw GraphError(.unsupportedOperators(network.unsupportedOperators), at: model)
    }
    var card = ModelCard()
    if let modelCard {
      card = try ModelCard(path: modelCard)
    } else if let beside = try ModelCard.beside(model: model) {
      card = beside
    }
    var shapes = try parseInputShapes(inputShapes)
    if !shapes.isEmpty { _ = try network.inputShapes(batch: 1, overriding: shapes) }
    var preprocessing = card.preprocessing
    if preprocessing == nil { preprocessing = guess(network, shapes) }
    // The size alone is enough where the file leaves it open.
    if preprocessing == nil, inputSize != nil { preprocessing = Preprocessing(height: 1, width: 1) }
    if var recipe = preprocessing {
      try override(&recipe)
      preprocessing = recipe
    }
    // The size of images fixes what the file leaves open.
    if shapes.isEmpty, let preprocessing, network.inputs.count == 1,
      (try? network.inputShapes(batch: 1)) == nil, network.inputs[0].dimensions.count == 4
    {
      shapes = [network.inputs[0].name: [1] + preprocessing.shape]
    }
    if let classes { card.classNames = try names(classes) }
    if card.classNames.isEmpty { card.classNames = network.classNames }
    let flags = [
      ("--resize", resize), ("--filter", filter), ("--crop", crop), ("--color-order", colorOrder),
      ("--pixel-scale", pixelScale), ("--mean", mean), ("--std", std),
    ].filter { $0.1 != nil }.map(\.0)
    try check(card.classNames, network, shapes, at: classes ?? modelCard ?? model)
    return LoadedModel(
      network: network, preprocessing: preprocessing, classNames: card.classNames, shapes: shapes,
      isGuess: card.preprocessing == nil && pixelScale == nil && mean == nil && std == nil,
      imageFlags: flags, vocabulary: card.vocabulary)
  }

  /// Images divided by 255 at the size that the network's input has.
  private func guess(_ network: Network, _ shapes: [String: [Int]]) -> Preprocessing? {
    guard network.inputs.count == 1, let shape = try? network.inputShapes(batch: 1, overriding: shapes).first,
      shape.count == 4
    else { return nil }
    let isLast = ![1, 3].contains(shape[1]) && [1, 3].contains(shape[3])
    let (channels, height, width) = isLast ? (shape[3], shape[1], shape[2]) : (shape[1], shape[2], shape[3])
    guard [1, 3].contains(channels) else { return nil }
    var recipe = Preprocessing(height: height, width: width)
    recipe.layout = isLast ? .nhwc : .nchw
    recipe.colorOrder = channels == 1 ? .grey : .rgb
    return recipe
  }

  /// Refuses class names that are not as many as the outputs.
  private func check(
    _ names: [String], _ network: Network, _ shapes: [String: [Int]], at place: String
  ) throws {
    guard !names.isEmpty, let count = try? network.classCount(shapes: shapes), count != names.count else {
      return
    }
    throw DataError(
      .malformed("\(names.count) class names for a network of \(count) outputs"),
      at: place)
  }

  private func override(_ recipe: inout Preprocessing) throws {
    if let inputSize {
      let sides = inputSize.split(whereSeparator: { "x×,".contains($0) }).map { Int($0) }
      guard (1...2).contains(sides.count), let height = sides.first!, let width = sides.last! else {
        throw ValidationError("--input-size expects 224 or 224x320, found '\(inputSize)'.")
      }
      (recipe.height, recipe.width) = (height, width)
    }
    if let resize {
      switch resize {
      case "none": recipe.resize = .none
      case "exact": recipe.resize = .exact
      default:
        guard let side = Int(resize) else {
          throw ValidationError("--resize expects none, exact or a length, found '\(resize)'.")
        }
        recipe.resize = .shorterSide(side)
      }
    }
    if let filter { recipe.filter = try choice(filter, "--filter") }
    if let crop {
      guard ["none", "centre", "center"].contains(crop) else {
        throw ValidationError("--crop expects none or centre, found '\(crop)'.")
      }
      recipe.cropsCentre = crop != "none"
    }
    if let colorOrder {
      recipe.colorOrder = try choice(colorOrder == "gray" ? "grey" : colorOrder, "--color-order")
    }
    if let layout { recipe.layout = try choice(layout, "--layout") }
    if let pixelScale {
      let parts = pixelScale.split(separator: "/").compactMap { Double($0) }
      guard (1...2).contains(parts.count), parts.last != 0 else {
        throw ValidationError("--pixel-scale expects a number or a fraction, found '\(pixelScale)'.")
      }
      recipe.scale = parts.count == 1 ? parts[0] : parts[0] / parts[1]
    }
    if let mean { recipe.mean = try numbers(mean, "--mean") }
    if let std { recipe.std = try numbers(std, "--std") }
    try recipe.validate()
  }

  private func choice<Value: CaseIterable & RawRepresentable<String>>(_ text: String, _ flag: String) throws
    -> Value
  {
    if let value = Value(rawValue: text) { return value }
    throw ValidationError(
      "\(flag) expects \(Value.allCases.map(\.rawValue).joined(separator: ", ")), found '\(text)'.")
  }

  private func numbers(_ text: String, _ flag: String) throws -> [Float] {
    let values = text.split(separator: ",").map { Float($0) }
    guard !values.isEmpty, values.allSatisfy({ $0 != nil }) else {
      throw ValidationError("\(flag) expects numbers with commas between, found '\(text)'.")
    }
    return values.map { $0! }
  }

  private func names(_ path: String) throws -> [String] {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw DataError(.missingFile, at: path)
    }
    return text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
  }
}
