/// Examples × features in float32, readable by blocks, so that it may live in memory or on disk.
public protocol FeatureMatrix: Sendable {
  /// The number of examples.
  var rowCount: Int { get }
  /// The number of features.
  var columnCount: Int { get }

  /// Copies a block, row after row, to `destination`, which holds `rows.count * columns.count` floats.
  ///
  /// - Throws: an I/O error when the block cannot be read.
  func copyBlock(rows: Range<Int>, columns: Range<Int>, to destination: UnsafeMutableBufferPointer<Float>)
    throws
}

/// A feature matrix in memory: the rows of a float32 tensor, later axes flattened in row-major order.
public struct TensorFeatures: FeatureMatrix {
  /// The tensor whose first axis counts examples.
  public let tensor: Tensor

  /// Makes a feature matrix of a tensor.
  ///
  /// - Throws: `TensorError` unless the tensor is float32 with at least one axis.
  public init(_ tensor: Tensor) throws(TensorError) {
    guard tensor.elementType == .float32 else {
      throw TensorError(.elementType(found: tensor.elementType, expected: .float32))
    }
    guard tensor.rank >= 1 else { throw TensorError(.shape(found: tensor.shape, expected: [-1, -1])) }
    self.tensor = tensor
  }

  public var rowCount: Int { tensor.shape[0] }
  public var columnCount: Int { tensor.shape.dropFirst().reduce(1, *) }

  public func copyBlock(
    rows: Range<Int>, columns: Range<Int>, to destination: UnsafeMutableBufferPointer<Float>
  ) {
    let width = columnCount
    tensor.withElements(as: Float.self) { source in
      for (offset, row) in rows.enumerated() {
        let start = row * width + columns.lowerBound
        destination.baseAddress?.advanced(by: offset * columns.count)
          .update(from: source.baseAddress! + start, count: columns.count)
      }
    }
  }
}
