internal import Foundation
public import NoemaData

/// Images inside a report: small, in a `data:` address.
public enum EmbeddedImage {
  /// Longest edge of an embedded image in pixels: a third more than a page shows, for sharp screens.
  public static let longestEdge = 128
  /// Images of edges up to this many pixels are shown as squares, and kept as they are.
  static let fewPixels = 64

  /// The image as a `data:` address, made smaller if need be: few pixels as PNG, photographs as JPEG.
  ///
  /// - Parameter edge: the longest edge that it keeps, in pixels.
  /// - Throws: `ImageError` or `DataError` if the image is empty or neither grey nor RGB.
  public static func address(of image: Image, longestEdge edge: Int = EmbeddedImage.longestEdge) throws
    -> String
  {
    if max(image.width, image.height) <= fewPixels {
      return "data:image/png;base64," + Data(try PNGFile.encode(image)).base64EncodedString()
    }
    return "data:image/jpeg;base64,"
      + Data(try JPEGFile.encode(thumbnail(of: image, longestEdge: edge))).base64EncodedString()
  }

  /// The image with its longest edge at most so long, each pixel the mean of those that it covers.
  static func thumbnail(of image: Image, longestEdge: Int = EmbeddedImage.longestEdge) -> Image {
    let longest = max(image.width, image.height)
    guard longest > longestEdge else { return image }
    let width = max(1, image.width * longestEdge / longest),
      height = max(1, image.height * longestEdge / longest)
    let channels = image.channelCount
    var pixels = [UInt8](repeating: 0, count: width * height * channels)
    image.pixels.withUnsafeBufferPointer { source in
      for y in 0..<height {
        let top = y * image.height / height, bottom = max(top + 1, (y + 1) * image.height / height)
        for x in 0..<width {
          let left = x * image.width / width, right = max(left + 1, (x + 1) * image.width / width)
          let count = (bottom - top) * (right - left)
          for channel in 0..<channels {
            var sum = count / 2
            for row in top..<bottom {
              for column in left..<right {
                sum += Int(source[(row * image.width + column) * channels + channel])
              }
            }
            pixels[(y * width + x) * channels + channel] = UInt8(sum / count)
          }
        }
      }
    }
    return Image(width: width, height: height, channelCount: channels, pixels: pixels)
  }
}
