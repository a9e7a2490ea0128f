internal import Noema

/// Where in a network attributions are made.
struct ExplainedPlace {
  /// The ONNX name of a hidden layer; none for the inputs.
  let layers: [String]
  /// Whether nobody named the layer: tokens are numbers, and receive attributions where they have become vectors.
  let isImplied: Bool
  /// A group for each token; nil where there are no tokens, or the layer has another shape.
  let groups: [Tensor]?
  /// The axes of one example at the layer, or at the first input of floats.
  let rank: Int

  /// Finds the layer that the user named, or that tokens need.
  init(_ named: String?, _ text: TokenText?, _ model: LoadedModel) throws {
    isImplied = named == nil && text != nil
    if let named {
      layers = [try model.layer(matching: named).onnxValue]
    } else if let text {
      var subject = Subject(model.network)
      subject.shapes = model.shapes
      layers = [try subject.embeddingLayer(of: text.input)]
    } else {
      layers = []
    }
    guard let layer = layers.first else {
      groups = nil
      let inputs = zip(
        model.network.inputs, try model.network.inputShapes(batch: 1, overriding: model.shapes))
      rank = inputs.first { $0.0.element.isFloat }.map { $0.1.count - 1 } ?? 0
      return
    }
    let shape = Array(try model.layer(matching: layer).shape.dropFirst())
    groups = text?.groups(over: shape).map { [$0] }
    rank = shape.count
  }
}
