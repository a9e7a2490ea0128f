import NoemaData
import NoemaTensor
import Testing

struct PreprocessingTests {
  private let image = Image.noise(width: 9, height: 7, channelCount: 3)

  @Test(arguments: ColorOrder.allCases, TensorLayout.allCases)
  func numbersEqualTheFormulas(_ order: ColorOrder, _ layout: TensorLayout) throws {
    var recipe = Preprocessing(height: 7, width: 9)
    recipe.colorOrder = order
    recipe.layout = layout
    let channels = order == .grey ? 1 : 3
    recipe.mean = Array([0.485, 0.456, 0.406].prefix(channels))
    recipe.std = Array([0.229, 0.224, 0.225].prefix(channels))
    let tensor = try recipe.tensor(of: image)
    let source = order == .grey ? image.convertedToGrey() : image
    #expect(recipe.shape == (layout == .nchw ? [channels, 7, 9] : [7, 9, channels]))
    #expect(tensor.count == recipe.elementCount)
    for row in 0..<7 {
      for column in 0..<9 {
        for channel in 0..<channels {
          let from = order == .bgr ? 2 - channel : channel
          let byte = Float(source.pixels[(row * 9 + column) * channels + from])
          let index =
            layout == .nchw ? (channel * 7 + row) * 9 + column : (row * 9 + column) * channels + channel
          #expect(tensor[index] == (byte / 255 - recipe.mean[channel]) / recipe.std[channel])
        }
      }
    }
    #expect(try recipe.inverse(of: tensor) == source)
  }

  @Test func greyImagesFeedColourNetworks() throws {
    var recipe = Preprocessing(height: 1, width: 2)
    recipe.scale = 1
    recipe.mean = [127]
    recipe.std = [128]
    let grey = Image(width: 2, height: 1, channelCount: 1, pixels: [127, 255])
    #expect(try recipe.tensor(of: grey) == [0, 1, 0, 1, 0, 1])
  }

  @Test func imagesAreResizedThenCropped() throws {
    var recipe = Preprocessing(height: 4, width: 4)
    recipe.resize = .shorterSide(5)
    recipe.filter = .bicubic
    recipe.cropsCentre = true
    let expected = try image.resized(height: 5, width: 6, filter: .bicubic).centreCropped(height: 4, width: 4)
    #expect(try recipe.prepared(image) == expected)
  }

  @Test func centreSquaresAreCroppedThenStretched() throws {
    var recipe = Preprocessing(height: 4, width: 3)
    recipe.resize = .centreSquare(fraction: 0.875)
    let expected = try image.centreCropped(height: 6, width: 6).resized(height: 4, width: 3)
    #expect(try recipe.prepared(image) == expected)
  }

  @Test func imagesOfAnotherSizeAreRefused() {
    var recipe = Preprocessing(height: 4, width: 4)
    recipe.resize = .none
    #expect(
      dataError { _ = try recipe.tensor(of: image) }?.description
        == "image after resizing (set resize: exact or crop: centre): found shape [7, 9], expected [4, 4]")
  }

  @Test func buffersOfAnotherLengthAreRefused() {
    let recipe = Preprocessing(height: 4, width: 4)
    var short = [Float](repeating: 0, count: 47)
    let error = short.withUnsafeMutableBufferPointer { buffer in
      dataError { try recipe.apply(to: image, into: buffer) }
    }
    #expect(error?.kind == .shape(found: [47], expected: [3, 4, 4]))
    #expect(
      dataError { _ = try recipe.inverse(of: short) }?.kind == .shape(found: [47], expected: [3, 4, 4]))
  }

  @Test func inversesClampAndNameValuesThatAreNotFinite() throws {
    var recipe = Preprocessing(height: 1, width: 3)
    recipe.colorOrder = .grey
    #expect(try recipe.inverse(of: [-1, 0.5, 7]).pixels == [0, 128, 255])
    #expect(
      dataError { _ = try recipe.inverse(of: [0, .nan, 0]) }?.description == "input tensor: element 1 is nan")
    #expect(dataError { _ = try recipe.inverse(of: [0, 0, .infinity]) }?.category == .badData)
  }

  @Test(
    arguments: [
      ([0.1, 0.2], [], "mean: found 2 values, expected 1 or 3 for color_order rgb"),
      ([], [0], "std: found [0.0], expected numbers above 0"),
      ([], [.nan], "std: found [nan], expected finite numbers"),
      ([], [.leastNonzeroMagnitude], "scale: scale, mean and std make values that a Float cannot hold"),
    ] as [([Float], [Float], String)])
  func wrongNumbersAreRefused(mean: [Float], std: [Float], message: String) {
    var recipe = Preprocessing(height: 4, width: 4)
    recipe.mean = mean
    recipe.std = std
    let error = dataError { try recipe.validate() }
    #expect(error?.description == message && error?.category == .usage)
  }

  @Test func wrongSizesAreRefused() {
    for (height, width) in [(0, 4), (4, -4), (Int.max, Int.max), (1 << 15, 1 << 15)] {
      #expect(dataError { _ = try Preprocessing(height: height, width: width).tensor(of: image) } != nil)
    }
    var recipe = Preprocessing(height: 4, width: 4)
    for mode in [ResizeMode.shorterSide(0), .centreSquare(fraction: 0), .centreSquare(fraction: .nan)] {
      recipe.resize = mode
      #expect(dataError { try recipe.validate() }?.place == "resize")
    }
    recipe = Preprocessing(height: 4, width: 4)
    recipe.scale = 0
    #expect(dataError { try recipe.validate() }?.place == "scale")
  }
}
