internal import Foundation
public import NoemaData

extension ExplanationSheet {
  /// Each map of the sheet as a picture of its own, as large as its input where that is larger.
  ///
  /// - Returns: the pictures with file names made of the examples' and the methods' names, no name twice.
  public var pictures: [(name: String, image: Image)] {
    let limits = methods.indices.map { method in rows.map { $0.maps[method].limit }.max() ?? 0 }
    var pictures: [(name: String, image: Image)] = []
    var taken: Set<String> = []
    for row in rows {
      let example = Self.fileName(row.name, &taken)
      for (method, map) in row.maps.enumerated() {
        let enlarged = row.input.map { map.enlarged(width: $0.width, height: $0.height) } ?? map
        let image = enlarged.image(
          limit: sharesScale ? limits[method] : nil, over: isOverlay ? row.input : nil)
        pictures.append((name: "\(example).\(Self.methodName(methods[method])).png", image: image))
      }
    }
    return pictures
  }

  /// A harmless name that is not taken yet.
  private static func fileName(_ example: String, _ taken: inout Set<String>) -> String {
    let stem = ImageFile.isImage(example) ? (example as NSString).deletingPathExtension : example
    let base = Escape.fileName(stem)
    var name = base, number = 2
    // Some file systems take capitals and small letters for the same.
    while !taken.insert(name.lowercased()).inserted {
      name = "\(base)-\(number)"
      number += 1
    }
    return name
  }

  /// Names of methods differ by signs that other names must not have, as `grad-cam++` does.
  private static func methodName(_ method: String) -> String {
    let isHarmless = method.unicodeScalars.allSatisfy {
      $0.isASCII && ($0.properties.isAlphabetic || "0123456789+-".unicodeScalars.contains($0))
    }
    return isHarmless && !method.isEmpty ? method : Escape.fileName(method)
  }
}

extension AttributionMap {
  /// The map at a larger size, in between by straight lines; the map itself where it is not smaller.
  ///
  /// Pixels are squares that keep their places, so that the map's edge lies on the picture's.
  public func enlarged(width newWidth: Int, height newHeight: Int) -> AttributionMap {
    guard newWidth >= width, newHeight >= height, newWidth > width || newHeight > height else { return self }
    let columns = Self.places(newWidth, of: width), rows = Self.places(newHeight, of: height)
    var enlarged: [Float] = []
    enlarged.reserveCapacity(newWidth * newHeight)
    for row in rows {
      let top = row.first * width, bottom = row.second * width
      for column in columns {
        let above =
          values[top + column.first] * (1 - column.share) + values[top + column.second] * column.share
        let below =
          values[bottom + column.first] * (1 - column.share) + values[bottom + column.second] * column.share
        enlarged.append(above * (1 - row.share) + below * row.share)
      }
    }
    return AttributionMap(enlarged, shape: [newHeight, newWidth]) ?? self
  }

  /// For each new pixel the two old ones that it lies between, and the share of the second.
  private static func places(_ count: Int, of old: Int) -> [(first: Int, second: Int, share: Float)] {
    (0..<count).map { index in
      let place = max(0, (Float(index) + 0.5) * Float(old) / Float(count) - 0.5)
      let first = min(old - 1, Int(place))
      return (first: first, second: min(old - 1, first + 1), share: place - Float(first))
    }
  }
}
