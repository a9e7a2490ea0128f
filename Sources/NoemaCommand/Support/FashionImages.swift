internal import Foundation
internal import Noema

/// Fashion-MNIST test images, of which the demonstrations are made.
struct FashionImages {
  static let classNames = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
  ]
  let images: [Image]
  let labels: [Int]

  init(folder: String) throws {
    guard FileManager.default.fileExists(atPath: "\(folder)/t10k-images-idx3-ubyte.gz") else {
      throw DataError(
        .missingFile,
        at: "\(folder)/t10k-images-idx3-ubyte.gz (install the Debian package dataset-fashion-mnist)")
    }
    let tensor = try IDXFile.read("\(folder)/t10k-images-idx3-ubyte.gz")
    labels = try IDXFile.read("\(folder)/t10k-labels-idx1-ubyte.gz").converted(to: .int64).elements(
      as: Int64.self
    ).map { Int($0) }
    guard tensor.rank == 3, tensor.shape[1...] == [28, 28], tensor.shape[0] == labels.count else {
      throw DataError(.shape(found: tensor.shape, expected: [labels.count, 28, 28]), at: folder)
    }
    images = tensor.withElements(as: UInt8.self) { bytes in
      (0..<tensor.shape[0]).map {
        Image(width: 28, height: 28, channelCount: 1, pixels: Array(bytes[($0 * 784)..<(($0 + 1) * 784)]))
      }
    }
  }
}

extension Image {
  /// The image with the tag that the tagged twin saw: a bright square with a dark cross in a dark border.
  func withTag() -> Image {
    var copy = self
    for row in 0..<7 {
      for column in 0..<7 {
        let isBright = (1...5).contains(row) && (1...5).contains(column) && row != 3 && column != 3
        copy.pixels[(21 + row) * 28 + 21 + column] = isBright ? 255 : 0
      }
    }
    return copy
  }
}
