internal import NoemaGraph
internal import NoemaTensor

/// Guided backprop at the input, multiplied with the enlarged Grad-CAM map: fine details where the class is
/// seen. With guided backprop it shares that details show features more than evidence.
///
/// The subject's layer is that of the map; attributions are at the network's images, shaped like them.
///
/// - Source: Selvaraju et al., "Grad-CAM", 2017, section 3.2.
public struct GuidedGradCAM: AttributionMethod, Hashable, Codable {
  /// The map.
  public var map: GradCAM

  /// Makes the method; with the map of Grad-CAM unless told otherwise.
  public init(map: GradCAM = GradCAM()) { self.map = map }

  public func attributor(for subject: Subject) throws -> any Attributor {
    guard subject.layers.count <= 1 else {
      throw GraphError(
        .input(
          "guided Grad-CAM takes one layer, found \(subject.layers.count): "
            + subject.layers.joined(separator: ", ")
        ))
    }
    var there = subject
    if there.layers.isEmpty { there.layers = [try subject.activationMapLayer()] }
    var whole = subject
    whole.layers = []
    let graph = try subject.network.graph(batch: subject.network.fixedBatch ?? 1, shapes: subject.shapes)
    let names = try whole.attributedNames()
    let shapes = try graph.shapes(of: names)
    let rank = try graph.mapGeometry(of: graph.values(named: there.layers)[0], map.layout).shape.count
    for (name, shape) in zip(names, shapes) where shape.count != rank + 1 {
      throw GraphError(
        .unsupported(
          "guided Grad-CAM needs images with channels and \(rank) axes of positions; '\(name)' holds \(shape)"
        ))
    }
    return Product(
      map: try map.attributor(for: there), guided: try GuidedBackprop().attributor(for: whole), shapes: shapes
    )
  }

  private struct Product: Attributor {
    let map, guided: any Attributor
    let shapes: [[Int]]

    var batchSize: Int { min(map.batchSize, guided.batchSize) }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      let coarse = try map.attribute(inputs, classes: classes, first: first)
      var fine = try guided.attribute(inputs, classes: classes, first: first)
      for (index, shape) in shapes.enumerated() {
        let axes = imageAxes([1] + shape).map { $0 - 1 }, size = axes.map { shape[$0] }
        let large = try coarse.values[0].resizedMaps(to: size)
        let inner = axes.last == shape.count - 1 ? 1 : shape[shape.count - 1]
        let width = shape.reduce(1, *), positions = size.reduce(1, *)
        fine.values[index] = fine.values[index].withElements(as: Float.self) { gradients in
          large.withElements(as: Float.self) { large in
            Tensor(
              shape: fine.values[index].shape,
              gradients.indices.map { at in
                gradients[at] * large[at / width * positions + at % width / inner % positions]
              })
          }
        }
      }
      fine.remarks.merge(coarse.remarks) { "\($0); \($1)" }
      return fine
    }
  }
}
