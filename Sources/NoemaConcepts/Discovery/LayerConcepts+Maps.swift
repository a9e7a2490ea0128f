internal import NoemaAttribution
public import NoemaData
internal import NoemaGraph
public import NoemaTensor

extension LayerConcepts {
  /// How much of each kept concept is where in whole examples.
  ///
  /// - Parameters:
  ///   - subject: the subject in which the concepts were found.
  ///   - size: height and width of the maps of images; nil for those of the examples. Other maps keep the layer's own
  ///     positions.
  /// - Returns: `[examples, concepts, height, width]` for images, else `[examples, concepts, positions]`.
  /// - Throws: `ConceptError.mismatch` for a layer that has no positions; as reading and running do.
  public func maps(
    of examples: any ExampleSource, in subject: DiscoverySubject, size: [Int]? = nil
  ) throws -> Tensor {
    let places = try PositionRows([1] + shape, hasChannelsLast: hasChannelsLast)
    guard !places.extents.isEmpty else {
      throw ConceptError(
        .mismatch(
          "a value of shape \(shape) has no positions, so concepts have no place in it; choose an earlier layer for "
            + "maps"), at: layer)
    }
    let extents = try subject.layout().extents
    let atoms = concepts.map(\.atom)
    let isImage = subject.kind == .image && places.extents.count == 2
    var (parts, positions) = ([Float](), [Int]())
    var capture = Capture(subject.network, layers: [onnxValue])
    capture.shapes = subject.shapes
    capture.batchMemory = subject.memory / 4
    try capture.stream(examples) { activations, _ in
      var maps = try dictionary.maps(of: activations[0], hasChannelsLast: hasChannelsLast).conceptsFirst(
        hasChannelsLast)
      if isImage { maps = try maps.enlarged(to: size ?? extents) }
      positions = Array(maps.shape.dropFirst(2))
      parts += maps.choosing(atoms)
    }
    let width = max(1, atoms.count * positions.reduce(1, *))
    return Tensor(shape: [atoms.isEmpty ? 0 : parts.count / width, atoms.count] + positions, parts)
  }
}

extension Tensor {
  /// `[examples, …, concepts]` as `[examples, concepts, …]`.
  fileprivate func conceptsFirst(_ isLast: Bool) -> Tensor {
    guard isLast, rank > 2 else { return self }
    let (width, positions) = (shape[rank - 1], shape[1..<(rank - 1)].reduce(1, *))
    let values = elements(as: Float.self)
    return Tensor(
      shape: [shape[0], width] + shape[1..<(rank - 1)],
      values.indices.map { index in
        let (example, rest) = (index / (width * positions), index % (width * positions))
        return values[(example * positions + rest % positions) * width + rest / positions]
      })
  }

  /// Maps of images in another resolution.
  fileprivate func enlarged(to size: [Int]) throws(ConceptError) -> Tensor {
    let flat = reshaped(to: [shape[0] * shape[1]] + shape[2...])
    do throws(GraphError) {
      return try flat.resizedMaps(to: size).reshaped(to: Array(shape[..<2]) + size)
    } catch {
      throw ConceptError(.mismatch(error.description))
    }
  }

  /// Some of the channels of each example.
  fileprivate func choosing(_ channels: [Int]) -> [Float] {
    let width = shape[2...].reduce(1, *)
    return withElements(as: Float.self) { values in
      (0..<shape[0]).flatMap { example in
        channels.flatMap { channel in
          let start = (example * shape[1] + channel) * width
          return Array(values[start..<(start + width)])
        }
      }
    }
  }
}
