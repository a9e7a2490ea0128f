internal import NoemaGraph
internal import NoemaTensor

/// Activations projected on their first principal direction: `M v` with `M [positions, channels]` and `v`
/// its first right singular vector. The map does not depend on the class, unless derivatives are multiplied
/// in (Eigen-Grad-CAM).
///
/// The vector has no sign of its own: it is turned so that the map goes along with the sum over channels.
///
/// - Source: Muhammad and Yeasin, "Eigen-CAM", 2020.
public struct EigenCAM: AttributionMethod, Hashable, Codable {
  /// Whether activations are multiplied with the derivatives of the class output.
  public var usesGradients: Bool
  /// Whether each channel's mean over positions is taken away first.
  public var isCentred: Bool
  /// Whether negative values become 0.
  public var isRectified: Bool
  /// How the layers' values lie.
  public var layout: MapLayout

  /// Makes the method; of activations alone, as they are and with signs, unless told otherwise.
  public init(
    usesGradients: Bool = false, isCentred: Bool = false, isRectified: Bool = false,
    layout: MapLayout = .automatic
  ) {
    self.usesGradients = usesGradients
    self.isCentred = isCentred
    self.isRectified = isRectified
    self.layout = layout
  }

  public func attributor(for subject: Subject) throws -> any Attributor {
    ActivationMapAttributor(
      reader: try ActivationReader(subject, layout, gradients: usesGradients), usesGradients: usesGradients,
      isRectified: isRectified
    ) { [isCentred] maps in
      try maps.matrix(isCentred: isCentred).firstProjection()
    }
  }
}

extension ChannelMaps {
  /// Channels as rows, positions as columns, with derivatives multiplied in where there are any.
  fileprivate func matrix(isCentred: Bool) -> Matrix {
    var elements = activations.map { Double($0) }
    for i in gradients.indices { elements[i] *= Double(gradients[i]) }
    if isCentred {
      for channel in 0..<channels {
        let mean = elements[range(channel)].reduce(0, +) / Double(positions)
        for i in range(channel) { elements[i] -= mean }
      }
    }
    return Matrix(rowCount: channels, columnCount: positions, elements: elements)
  }
}

extension Matrix {
  /// For each column its component along the first principal direction of the columns.
  fileprivate func firstProjection() throws -> [Double] {
    // The smaller of the two Gram matrices has the same eigenvalues.
    var map: [Double]
    if columnCount <= rowCount {
      let eigen = try SymmetricEigen(transposedTimes(self)), scale = max(eigen.values[0], 0).squareRoot()
      map = (0..<columnCount).map { scale * eigen.vectors[$0, 0] }
    } else {
      let eigen = try SymmetricEigen(timesTransposed(self))
      map = [Double](repeating: 0, count: columnCount)
      for row in 0..<rowCount {
        let component = eigen.vectors[row, 0]
        for column in 0..<columnCount { map[column] += component * self[row, column] }
      }
    }
    var agreement = 0.0
    for row in 0..<rowCount { for column in 0..<columnCount { agreement += self[row, column] * map[column] } }
    // Centred sums may be at right angles to the map; then the larger extreme is made positive.
    let size = (map.reduce(0) { $0 + $1 * $1 } * elements.reduce(0) { $0 + $1 * $1 }).squareRoot()
    if abs(agreement) <= 1e-12 * size { agreement = (map.max() ?? 0) + (map.min() ?? 0) }
    return agreement < 0 ? map.map { -$0 } : map
  }
}
