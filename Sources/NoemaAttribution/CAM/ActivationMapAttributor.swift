internal import NoemaGraph
internal import NoemaTensor

/// A method that makes a map of the activations of one example at one layer, and of their derivatives.
struct ActivationMapAttributor: Attributor {
  let reader: ActivationReader
  let usesGradients: Bool
  let isRectified: Bool
  /// What the map is made of, position by position.
  let reduce: (ChannelMaps) throws -> [Double]

  var batchSize: Int { reader.batchSize }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let readings = try reader(inputs, classes: classes)
    var collected = MapCollector(reader, isRectified: isRectified)
    for layer in reader.layers.indices {
      for example in classes.indices {
        let maps = readings.maps[layer][example]
        if usesGradients { try collected.check(maps, layer: layer, example: example) }
        collected.add(try reduce(maps), layer: layer, example: example)
      }
    }
    return collected.attribution(of: readings.outputs)
  }
}

/// Gathers the maps of a batch, and what there is to say about them.
struct MapCollector {
  private let layers: [String]
  private let shapes: [[Int]]
  private let isRectified: Bool
  private var maps: [[Float]]
  private var remarks: [Int: [String]] = [:]

  init(_ reader: ActivationReader, isRectified: Bool) {
    layers = reader.layers
    shapes = reader.geometries.map(\.shape)
    self.isRectified = isRectified
    maps = layers.map { _ in [] }
  }

  /// Notes derivatives that are all zero.
  ///
  /// - Throws: `GraphError.unsupported` when the output depends on the layer through tokens off the map
  ///   alone.
  mutating func check(_ channels: ChannelMaps, layer: Int, example: Int) throws(GraphError) {
    if channels.dependsOnLeadingTokensAlone {
      throw GraphError(
        .unsupported(
          "the output depends on '\(layers[layer])' through the leading tokens alone, so that every map "
            + "there is zero; take the input of the last attention"))
    }
    if channels.gradients.allSatisfy({ $0 == 0 }) {
      remark("all derivatives at '\(layers[layer])' are zero, and so is the map", example: example)
    }
  }

  /// Notes something about an example.
  mutating func remark(_ text: String, example: Int) { remarks[example, default: []].append(text) }

  /// Adds the map of the next example of a layer.
  mutating func add(_ map: [Double], layer: Int, example: Int) {
    if isRectified, let largest = map.max(), largest <= 0, map.contains(where: { $0 < 0 }) {
      remark(
        "no position of '\(layers[layer])' supports the class: the map is zero; see the map with signs",
        example: example)
    }
    maps[layer] += map.map { Float(isRectified ? max($0, 0) : $0) }
  }

  /// What was found, for examples with these outputs.
  func attribution(of outputs: [Double], expectedSums: [Double]? = nil) -> Attribution {
    var attribution = Attribution(
      values: layers.indices.map { Tensor(shape: [outputs.count] + shapes[$0], maps[$0]) }, outputs: outputs,
      expectedSums: expectedSums)
    attribution.remarks = remarks.mapValues { $0.joined(separator: "; ") }
    return attribution
  }
}
