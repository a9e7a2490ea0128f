/// Ever weaker perturbations of an image, the last one the image itself; a mask's values choose between them.
struct PerturbationPyramid: Sendable {
  private let levels: [[Float]]
  private let layout: ImageLayout

  /// Eight levels.
  init(_ image: [Float], _ perturbation: ExtremalPerturbation.Perturbation, _ layout: ImageLayout) {
    self.layout = layout
    let last = 7
    levels = (0...last).map { level in
      let share = Double(level) / Double(last)
      guard level < last else { return image }
      switch perturbation {
      case .fade: return image.map { $0 * Float(share) }
      case .blur(let sigma):
        let blur = SeparableMap.blurring(
          (layout.height, layout.width), sigma: layout.scaled(sigma) * (1 - share), fadesOut: true)
        return blur(image, layout)
      }
    }
  }

  /// Two levels about a mask's value, and the share of the upper one.
  private func place(_ value: Float) -> (lower: Int, share: Float) {
    let place = value * Float(levels.count - 1), lower = min(Int(place), levels.count - 2)
    return (lower, place - Float(lower))
  }

  /// Writes the image under a mask, mirrored left to right where asked.
  func write(_ mask: [Float], mirrored: Bool, to target: UnsafeMutableBufferPointer<Float>) {
    for u in mask.indices {
      let (lower, share) = place(mask[u]), to = mirrored ? mirror(u) : u
      for channel in 0..<layout.channels {
        let i = layout.offset(channel, u)
        target[layout.offset(channel, to)] =
          levels[lower][i] + share * (levels[lower + 1][i] - levels[lower][i])
      }
    }
  }

  /// The derivative by the mask, given the one by what `write` wrote.
  func pullback(
    _ gradient: UnsafeBufferPointer<Float>, _ mask: [Float], mirrored: Bool, factor: Double,
    add: (_ position: Int, _ slope: Double) -> Void
  ) {
    let steps = Double(levels.count - 1)
    for u in mask.indices {
      let (lower, _) = place(mask[u]), from = mirrored ? mirror(u) : u
      var slope = 0.0
      for channel in 0..<layout.channels {
        let i = layout.offset(channel, u)
        slope +=
          Double(gradient[layout.offset(channel, from)]) * Double(levels[lower + 1][i] - levels[lower][i])
      }
      add(u, factor * steps * slope)
    }
  }

  private func mirror(_ position: Int) -> Int {
    let row = position / layout.width * layout.width
    return row + layout.width - 1 - (position - row)
  }
}
