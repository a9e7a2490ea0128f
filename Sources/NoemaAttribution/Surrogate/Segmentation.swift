internal import NoemaGraph
public import NoemaTensor

/// How an image is divided into segments.
public enum Segmentation: Sendable {
  /// Superpixels of similar colour (SLIC): about how many, and how much being near counts against being
  /// alike.
  case superpixels(count: Int = 50, compactness: Double = 10)
  /// Squares or rectangles of one size.
  case grid(rows: Int, columns: Int)
  /// Given segments, integers `[height, width]` for all images or `[images, height, width]` in the order of
  /// the data set.
  case given(Tensor)

  /// Refuses parameters out of range, and segments that do not fit.
  func check(height: Int, width: Int) throws(GraphError) {
    switch self {
    case .superpixels(let count, let compactness):
      guard (2...max(2, height * width)).contains(count) else {
        throw GraphError(.input("expected 2 to \(height * width) superpixels, found \(count)"))
      }
      try Superpixels(count, compactness: compactness).validate()
    case .grid(let rows, let columns):
      guard (1...height).contains(rows), (1...width).contains(columns), rows * columns > 1 else {
        throw GraphError(
          .input("a grid of \(rows) × \(columns) does not divide an image of \(height) × \(width)"))
      }
    case .given(let tensor):
      guard tensor.shape.suffix(2) == [height, width], (2...3).contains(tensor.rank), tensor.count > 0,
        !tensor.elementType.isFloat
      else {
        throw GraphError(
          .input(
            "segments have shape \(tensor.shape) of \(tensor.elementType); expected integers of "
              + "[\(height), \(width)], for each image or for all"))
      }
    }
  }

  /// The segment of each pixel, numbered from 0.
  ///
  /// - Parameters:
  ///   - pixels: an image `[channels, height, width]`.
  ///   - example: the image's place in the data set.
  func labels(_ pixels: [Float], channels: Int, height: Int, width: Int, example: Int) throws(GraphError)
    -> [Int32]
  {
    switch self {
    case .superpixels(let count, let compactness):
      return try Superpixels(count, compactness: compactness)
        .labels(of: ColourPlanes(pixels, channels: channels, height: height, width: width))
    case .grid(let rows, let columns):
      return (0..<height * width).map { pixel in
        Int32(pixel / width * rows / height * columns + pixel % width * columns / width)
      }
    case .given(let tensor):
      let image = tensor.rank == 2 || tensor.shape[0] == 1 ? 0 : example
      guard tensor.rank == 2 || image < tensor.shape[0] else {
        throw GraphError(
          .input("segments are given for \(tensor.shape[0]) images; there are none for image \(example)"))
      }
      let size = height * width
      let numbers = tensor.converted(to: .int64).withElements(as: Int64.self) {
        Array($0[image * size..<(image + 1) * size])
      }
      return Players(numbers: [numbers]).owners[0]
    }
  }
}
