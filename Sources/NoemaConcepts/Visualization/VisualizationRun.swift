internal import NoemaAttribution
internal import NoemaData
internal import NoemaGraph
internal import NoemaTensor

/// One run of activation maximisation: the network up to the layer, and the targets laid over it.
final class VisualizationRun {
  let canvas: PictureCanvas
  private let settings: ActivationMaximization
  private let targets: [VisualizationTarget]
  private let sites: [ObjectiveSite]
  private let layout: ActivationLayout
  private let input: InputLayout
  /// Height and width of the network's picture.
  private let view: (height: Int, width: Int)
  private let penalty: PicturePenalty
  private let network: LayerPullback
  private let openNetwork: () throws -> LayerPullback
  private var opened: LayerPullback?

  init(
    _ settings: ActivationMaximization, _ network: Network, _ layer: String?,
    _ targets: [VisualizationTarget],
    _ input: VisualizationInput, _ shapes: [String: [Int]]
  ) throws {
    (self.settings, self.targets) = (settings, targets)
    func compile(_ isOpen: Bool) throws -> LayerPullback {
      try LayerPullback(
        network, to: layer, opensRectifiers: isOpen, examples: targets.count * settings.images,
        memory: settings.memory, maximumBatch: settings.maximumBatch, shapes: shapes)
    }
    self.network = try compile(false)
    openNetwork = { try compile(true) }
    let layout = ActivationLayout(self.network.layerShape)
    self.layout = layout
    sites = try targets.map { target throws(ConceptError) in try ObjectiveSite(target, layout: layout) }
    let shape = self.network.inputShape
    switch input {
    case .image(let recipe):
      try recipe.validate()
      guard recipe.shape == shape else {
        throw ConceptError(
          .mismatch(
            "the network takes inputs of shape \(shape), the recipe makes \(recipe.shape); set the input size in the "
              + "model card or with --input-size"))
      }
      view = (recipe.height, recipe.width)
      let size = settings.size ?? [recipe.height, recipe.width]
      canvas = PictureCanvas(
        channels: recipe.colorOrder.channelCount, height: size[0], width: size[1], settings.parameters,
        decay: settings.decay, colours: settings.colours)
      self.input = InputLayout(recipe)
    case .array(let radius):
      let count = shape.reduce(1, *)
      if let radius, !(radius > 0) {
        throw ConceptError(.parameters("the radius of arrays is above 0, found \(radius)"))
      }
      guard settings.size == nil else {
        throw ConceptError(.parameters("arrays of shape \(shape) have no size to choose; leave it out"))
      }
      view = (1, count)
      canvas = PictureCanvas(shape: shape, radius: radius ?? Double(count).squareRoot())
      self.input = InputLayout(count: count)
    }
    penalty = PicturePenalty(
      totalVariation: settings.totalVariation, squares: settings.squares, origin: canvas.isPicture ? 0.5 : 0)
  }

  /// Targets that run together: as many as fill a batch.
  var groups: [Range<Int>] {
    let size = max(1, network.batchSize / settings.images)
    return stride(from: 0, to: targets.count, by: size).map { $0..<min($0 + size, targets.count) }
  }

  /// One picture on its way.
  private struct State: Sendable {
    var parameters: [Double]
    var ascent: Ascent
    var trace: [Double] = []
    var start = Double.nan
    var openedSteps = 0
    var isSilent = true
  }

  /// Makes the pictures of some targets.
  func maximise(
    _ group: Range<Int>, progress: (_ step: Int) -> Void
  ) throws -> (pictures: [VisualizationResult.Picture], similarities: [Double]) {
    let (images, canvas, settings) = (settings.images, canvas, settings)
    var states = group.flatMap { _ -> [State] in
      // The same noise for every target, so that a picture does not depend on what else is asked for.
      (0..<images).map { image in
        var random = RandomNumbers(seed: settings.seed).split(image)
        return State(
          parameters: canvas.start(&random),
          ascent: Ascent(count: canvas.count, keepsDirection: !canvas.isPicture))
      }
    }
    let starts = try naming(group, "the first noise") { try measured(states, group).values }
    for (index, start) in starts.enumerated() { states[index].start = start }
    for step in 0..<settings.steps {
      progress(step)
      try naming(group, "step \(step + 1)") { try advance(&states, group, step) }
    }
    progress(settings.steps)
    let (ends, similarities) = try naming(group, "the last step") { try measured(states, group) }
    let pictures = states.enumerated().map { index, state in
      VisualizationResult.Picture(
        target: group.lowerBound + index / images, number: index % images,
        values: canvas.planes(state.parameters).flatMap { $0.map { Float($0) } }, trace: state.trace,
        start: state.start, end: ends[index], openedSteps: state.openedSteps, isSilent: state.isSilent)
    }
    return (pictures, similarities)
  }

  // MARK: One step

  private func advance(_ states: inout [State], _ group: Range<Int>, _ step: Int) throws {
    let (canvas, penalty, images, settings) = (canvas, penalty, settings.images, settings)
    let old = states, view = view, input = input
    let shown = Parallel.map(states.count) { index -> Shown in
      let planes = canvas.planes(old[index].parameters)
      var random = RandomNumbers(seed: settings.seed).split(index % images).split(step + 1)
      let transform =
        canvas.isPicture
        ? ViewTransform(
          settings.robustness.draw(&random), from: (canvas.shape[1], canvas.shape[2]), to: view) : nil
      return Shown(planes: planes, transform: transform)
    }
    let inputs = inputs(shown)
    let (values, gradients) = try pulled(inputs, group, &states)
    let parts = gradients.withElements(as: Float.self) { elements in
      states.indices.map { index in
        input.planes(UnsafeBufferPointer(rebasing: elements[index * input.count..<(index + 1) * input.count]))
      }
    }
    let before = states
    states = Parallel.map(states.count) { index -> State in
      var state = before[index]
      state.trace.append(values[index])
      if parts[index].contains(where: { $0.contains { $0 != 0 } }) { state.isSilent = false }
      let gradient = zip(parts[index], shown[index].planes).map { part, plane in
        var gradient = shown[index].transform.map { $0.pullback(part) } ?? part
        _ = penalty.subtract(of: plane, width: canvas.width, from: &gradient)
        return gradient
      }
      let uphill = canvas.pullback(gradient, at: shown[index].planes)
      state.ascent.step(&state.parameters, uphill: uphill, rate: settings.rate)
      canvas.bound(&state.parameters)
      return state
    }
  }

  private struct Shown: Sendable {
    let planes: [[Double]]
    let transform: ViewTransform?
  }

  private func inputs(_ shown: [Shown]) -> Tensor {
    var elements: [Float] = []
    elements.reserveCapacity(shown.count * input.count)
    for picture in shown {
      let transform = picture.transform
      input.append(picture.planes.map { plane in transform.map { $0(plane) } ?? plane }, to: &elements)
    }
    return Tensor(shape: [shown.count] + network.inputShape, elements)
  }

  /// The objectives, and their derivatives by the inputs.
  private func pulled(
    _ inputs: Tensor, _ group: Range<Int>, _ states: inout [State]
  ) throws -> (values: [Double], gradients: Tensor) {
    // What starts at the layer is known beforehand unless it depends on the layer.
    let isLinear = settings.diversity == 0 && group.allSatisfy { sites[$0].isLinear }
    let shape = [inputs.shape[0]] + layout.shape
    let layer = try isLinear ? Tensor(shape: shape, repeating: Float(0)) : network.values(inputs)
    let cotangents = objectives(layer, group).cotangents
    let read = try network(inputs, cotangents: cotangents)
    var gradients = read.gradients
    let silent = gradients.silentRows
    if !silent.isEmpty {
      let open = try opened ?? openNetwork()
      opened = open
      let others = try open(inputs.picking(silent), cotangents: cotangents.picking(silent))
      gradients = gradients.replacing(silent, by: others.gradients)
      for row in silent { states[row].openedSteps += 1 }
    }
    return (objectives(read.values, group).values, gradients)
  }

  /// The objective of each row of a layer, and what starts there for its gradient.
  private func objectives(_ values: Tensor, _ group: Range<Int>) -> (values: [Double], cotangents: Tensor) {
    let (images, size) = (settings.images, layout.count)
    var found: [Double] = []
    var cotangents = [Float](repeating: 0, count: values.shape[0] * size)
    values.withElements(as: Float.self) { elements in
      cotangents.withUnsafeMutableBufferPointer { target in
        for row in 0..<values.shape[0] {
          let range = row * size..<(row + 1) * size
          found.append(
            sites[group.lowerBound + row / images].evaluate(
              UnsafeBufferPointer(rebasing: elements[range]),
              gradient: UnsafeMutableBufferPointer(rebasing: target[range])))
        }
        guard settings.diversity > 0 else { return }
        for first in stride(from: 0, to: values.shape[0], by: images) {
          subtractDiversity(elements, found, first, target)
        }
      }
    }
    return (found, Tensor(shape: values.shape, cotangents))
  }

  private func subtractDiversity(
    _ elements: UnsafeBufferPointer<Float>, _ values: [Double], _ first: Int,
    _ target: UnsafeMutableBufferPointer<Float>
  ) {
    let rows = first..<first + settings.images
    let term = DiversityTerm(features(elements, rows))
    // A cost in units of the objective, however large that is.
    let weight = settings.diversity * abs(rows.reduce(0) { $0 + values[$1] } / Double(rows.count))
    for (row, gradient) in zip(rows, term.gradients) {
      for channel in 0..<layout.channels {
        for position in 0..<layout.positions {
          target[row * layout.count + layout.offset(channel, position)] -=
            Float(weight * gradient[channel, position])
        }
      }
    }
  }

  private func features(_ elements: UnsafeBufferPointer<Float>, _ rows: Range<Int>) -> [Matrix] {
    rows.map { row in
      layout.matrix(UnsafeBufferPointer(rebasing: elements[row * layout.count..<(row + 1) * layout.count]))
    }
  }

  // MARK: Before and after

  /// The objectives of whole pictures, and how alike those of each target are.
  private func measured(
    _ states: [State], _ group: Range<Int>
  ) throws -> (values: [Double], similarities: [Double]) {
    let shown = states.map { state in
      Shown(
        planes: canvas.planes(state.parameters),
        transform: canvas.isPicture
          ? ViewTransform(ViewPose(), from: (canvas.shape[1], canvas.shape[2]), to: view) : nil)
    }
    let layer = try network.values(inputs(shown))
    let similarities = layer.withElements(as: Float.self) { elements in
      group.indices.map { index -> Double in
        let first = (index - group.lowerBound) * settings.images
        guard settings.images > 1 else { return .nan }
        let term = DiversityTerm(features(elements, first..<first + settings.images))
        return term.similarities.reduce(0, +) / Double(settings.images)
      }
    }
    return (objectives(layer, group).values, similarities)
  }

  /// Names target and step where a number is not finite.
  private func naming<Result>(
    _ group: Range<Int>, _ step: String, _ body: () throws -> Result
  ) throws -> Result {
    do { return try body() } catch let error as GraphError {
      guard case .notFinite(let value, let row) = error.kind else { throw error }
      let target = targets[group.lowerBound + row / settings.images].name
      throw ConceptError(.notFinite("\(value) became NaN or infinite at \(step)"), at: target)
    }
  }
}
