import Foundation
import NoemaAttribution
import NoemaData
import NoemaTensor
import Testing

@testable import NoemaConcepts

/// What scikit-image and scikit-learn make of small data; scripts/golden/concepts.py writes it.
struct ConceptFixture {
  private let file: NPZFile

  init(_ name: String) throws {
    let folder = try #require(Bundle.module.resourceURL)
    file = try NPZFile(path: folder.appendingPathComponent("Fixtures/concepts/\(name).npz").path)
  }

  /// Bytes of an array as 0…1, channels first, and its extents.
  func image(_ name: String) throws -> (pixels: [Float], channels: Int, height: Int, width: Int) {
    let tensor = try file.array(named: name)
    let (height, width) = (tensor.shape[0], tensor.shape[1])
    let channels = tensor.rank == 3 ? tensor.shape[2] : 1
    let bytes = tensor.converted(to: .float32).elements(as: Float.self)
    let pixels = (0..<channels * height * width).map {
      bytes[$0 % (height * width) * channels + $0 / (height * width)] / 255
    }
    return (pixels, channels, height, width)
  }

  func colours(_ name: String, smoothing: Double = 0) throws -> ColourPlanes {
    let image = try image(name)
    return try ColourPlanes(
      image.pixels, channels: image.channels, height: image.height, width: image.width, smoothing: smoothing)
  }

  func labels(_ name: String) throws -> [Int] {
    try file.array(named: name).converted(to: .int64).elements(as: Int64.self).map { Int($0) }
  }

  func points(_ name: String) throws -> PointSet {
    let tensor = try file.array(named: name).converted(to: .float32)
    return try PointSet(tensor.elements(as: Float.self), count: tensor.shape[0], dimension: tensor.shape[1])
  }

  func number(_ name: String) throws -> Double {
    try #require(try file.array(named: name).converted(to: .float64).elements(as: Double.self).first)
  }
}

/// Pictures whose parts are known.
enum PlantedPicture {
  /// Colours that change smoothly, with a little noise: no ties.
  static func smooth(_ height: Int, _ width: Int, channels: Int = 3, seed: UInt64) -> [Float] {
    var random = RandomNumbers(seed: seed)
    let waves = (0..<channels).map { _ in (0..<4).map { _ in random.uniform() } }
    return (0..<channels * height * width).map { index in
      let (channel, y, x) = (index / (height * width), index / width % height, index % width)
      let wave = waves[channel]
      let phase = 9 * wave[0] * Double(y) / Double(height) + 9 * wave[1] * Double(x) / Double(width)
      return Float(0.5 + 0.4 * sin(phase + 6 * wave[2]) + 0.02 * random.normal())
    }
  }

  /// Whether each label's pixels hang together.
  static func areConnected(_ labels: [Int32], width: Int) -> Bool {
    var seen = [Bool](repeating: false, count: labels.count), begun: Set<Int32> = []
    for start in labels.indices where !seen[start] {
      guard begun.insert(labels[start]).inserted else { return false }
      var open = [start]
      seen[start] = true
      while let pixel = open.popLast() {
        var near = [pixel - width, pixel + width]
        if pixel % width > 0 { near.append(pixel - 1) }
        if pixel % width < width - 1 { near.append(pixel + 1) }
        for other in near
        where labels.indices.contains(other) && !seen[other] && labels[other] == labels[start] {
          seen[other] = true
          open.append(other)
        }
      }
    }
    return true
  }
}
