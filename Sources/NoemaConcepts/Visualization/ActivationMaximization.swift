public import NoemaAttribution
public import NoemaGraph
internal import NoemaTensor

/// Activation maximisation: inputs that excite a unit, a channel, a direction or a class as much as they can.
///
/// A picture is a spectrum scaled by `1/f` in colours that vary together; at every step the network is shown another
/// view of it, shifted, scaled and turned, and the spectrum goes uphill. Several pictures of one target can be kept
/// from being alike.
///
/// ```swift
/// var maximization = ActivationMaximization()
/// maximization.images = 4
/// maximization.diversity = 1
/// let found = try maximization(
///   network, layer: "/layer4/Relu_output_0", [VisualizationTarget("unit 17", .unit(17))], input: .image(recipe))
/// ```
///
/// A picture shows what would excite a unit most, not what does on real data; top examples show that. Hold both
/// against each other.
///
/// - Source: Erhan et al., "Visualizing Higher-Layer Features of a Deep Network", 2009; Olah et al., "Feature
///   Visualization", Distill 2017.
public struct ActivationMaximization: Sendable, Hashable, Codable {
  /// What is optimised; arrays are always elements.
  public var parameters = PictureParameters.fourier
  /// Steps uphill.
  public var steps = 256
  /// Adam's rate; arrays have one pace for all elements.
  public var rate = 0.05
  /// The power p of the spectrum's `1/fᵖ`.
  public var decay = 1.0
  /// How differently pictures are shown.
  public var robustness = ViewRobustness.standard
  /// Pictures of each target.
  public var images = 1
  /// What pictures of a target that are alike cost, as a share of the objective; 0 for nothing.
  public var diversity = 0.0
  /// The weights of the total variation and of the squared distance from grey (from 0 for arrays), each summed over a
  /// picture, in units of the objective.
  public var totalVariation = 0.0, squares = 0.0
  /// Height and width of the pictures; the network's when nil. Views bring them to the network's size.
  public var size: [Int]?
  /// What colours vary together.
  public var colours = ColourBasis.photographs
  /// The seed of the first noise and of views.
  public var seed: UInt64 = 0
  /// Bytes that one batch may take.
  public var memory = 1 << 30
  /// The largest batch.
  public var maximumBatch = 16

  /// Makes a method with the defaults above.
  public init() {}

  /// Makes inputs.
  ///
  /// - Parameters:
  ///   - layer: the ONNX name of the targets' layer; nil for the class outputs before a softmax.
  ///   - input: what inputs are made of.
  ///   - shapes: input shapes by name where the file leaves them open.
  /// - Throws: `ConceptError.parameters` for settings out of range and targets that the layer does not have,
  ///   `.mismatch` for inputs that are not the network's, `.notFinite` with target and step; `GraphError` where no
  ///   derivative passes.
  public func callAsFunction(
    _ network: Network, layer: String?, _ targets: [VisualizationTarget], input: VisualizationInput,
    shapes: [String: [Int]] = [:], progress: Progress? = nil
  ) throws -> VisualizationResult {
    try validate(targets)
    let run = try VisualizationRun(self, network, layer, targets, input, shapes)
    var pictures: [VisualizationResult.Picture] = [], similarities: [Double] = []
    let groups = run.groups
    for (index, group) in groups.enumerated() {
      let made = try run.maximise(group) { step in
        progress?("pictures", index * steps + step, groups.count * steps)
      }
      pictures += made.pictures
      similarities += made.similarities
    }
    return VisualizationResult(
      targets: targets, shape: run.canvas.shape, arePictures: run.canvas.isPicture, pictures: pictures,
      similarities: similarities)
  }

  private func validate(_ targets: [VisualizationTarget]) throws(ConceptError) {
    func check(_ isRight: Bool, _ text: String) throws(ConceptError) {
      guard isRight else { throw ConceptError(.parameters(text)) }
    }
    try check(!targets.isEmpty, "there is nothing to visualise; name a unit, a class or a direction")
    try check(steps >= 1 && images >= 1, "found \(steps) steps and \(images) pictures; give 1 or more")
    try check(rate > 0 && rate.isFinite, "the rate is a positive number, found \(rate)")
    try check((0...3).contains(decay), "the power of the spectrum lies in [0, 3], found \(decay)")
    for (name, value) in [
      ("diversity", diversity), ("total variation", totalVariation), ("squares", squares),
    ] {
      try check(value >= 0 && value.isFinite, "the weight of \(name) is 0 or more, found \(value)")
    }
    try check(
      diversity == 0 || images > 1, "diversity is among several pictures of a target; ask for 2 or more")
    if let size {
      try check(
        size.count == 2 && size.allSatisfy { (8...2048).contains($0) },
        "pictures have sides of 8 to 2048 pixels, found \(size)")
    }
    try robustness.validate()
  }
}
