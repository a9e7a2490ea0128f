import NoemaConcepts
import NoemaData
import NoemaTensor
import Testing

@Suite struct GeneratorTests {
  @Test func namesAreUniqueAndKindsAreThere() {
    let names = ConceptCatalog.all.map(\.name)
    #expect(Set(names).count == names.count)
    let count = { kind in ConceptCatalog.all.filter { $0.kind == kind }.count }
    #expect(count(.texture) >= 12)
    #expect(count(.colour) == 11)
    #expect(count(.shape) == 8)
    #expect(count(.random) == 1)
  }

  @Test func unknownNamesGetSuggestions() throws {
    let error = #expect(throws: ConceptError.self) { try ConceptCatalog.generator(named: "stripd") }
    #expect(error?.description.contains("'striped'") == true)
    #expect(error?.category == .usage)
  }

  @Test(arguments: ConceptCatalog.all.map(\.name))
  func imagesDependOnNameSeedAndIndexAlone(name: String) throws {
    let generator = try ConceptCatalog.generator(named: name)
    let images = (0..<8).map { generator.image(at: $0, seed: 7, size: 24) }
    #expect(generator.image(at: 5, seed: 7, size: 24) == images[5])
    #expect(Set(images).count == images.count)
    #expect(generator.image(at: 0, seed: 8, size: 24) != images[0])
    let grey = generator.image(at: 0, seed: 7, size: 24, channelCount: 1)
    #expect(grey.channelCount == 1 && grey.pixels.count == 24 * 24)
  }

  @Test func theSamePictureAtAnySize() throws {
    for generator in ConceptCatalog.all where generator.name != "noise" {
      let small = Picture(generator.image(at: 3, seed: 1, size: 16)).luma
      let large = Picture(generator.image(at: 3, seed: 1, size: 64)).luma
      var shrunk = [Float](repeating: 0, count: 256)
      for y in 0..<64 {
        for x in 0..<64 { shrunk[y / 4 * 16 + x / 4] += large[y * 64 + x] / 16 }
      }
      var difference: Float = 0
      for (a, b) in zip(small, shrunk) { difference += abs(a - b) / 256 }
      // Three samples a pixel leave about 0.03 in fine patterns at 16 pixels.
      #expect(difference < 0.05, "\(generator.name): \(difference)")
    }
  }

  @Test func texturesAndShapesShowInGrey() {
    for generator in ConceptCatalog.all where generator.kind == .texture || generator.kind == .shape {
      for index in 0..<12 {
        let picture = Picture(generator.image(at: index, seed: 7, size: 32, channelCount: 1))
        #expect(picture.deviation > 0.05, "\(generator.name) \(index)")
      }
    }
  }

  @Test func stripesHaveOneFrequencyAndNoiseHasNone() throws {
    for index in 0..<12 {
      let striped = try Picture("striped", index, size: 32)
      #expect(striped.strongestFrequencyShare > 0.3, "striped \(index)")
      let noise = try Picture("noise", index, size: 32)
      #expect(noise.strongestFrequencyShare < 0.12, "noise \(index)")
    }
  }

  @Test func stripesRunOneWayAndSquaresTwo() throws {
    for index in 0..<12 {
      #expect(try Picture("striped", index).coherence > 0.8, "striped \(index)")
      for name in ["checkered", "grid", "dotted", "honeycombed", "noise", "cracked"] {
        #expect(try Picture(name, index).coherence < 0.6, "\(name) \(index)")
      }
    }
  }

  @Test func gradientsAreSmooth() throws {
    for index in 0..<12 {
      let picture = try Picture("gradient", index)
      #expect(picture.largestStep < 0.06, "gradient \(index)")
      #expect(picture.deviation > 0.05, "gradient \(index)")
      #expect(try Picture("checkered", index).largestStep > 0.15, "checkered \(index)")
    }
  }

  @Test(
    arguments: [
      ("red", 0), ("orange", 28), ("yellow", 55), ("green", 120), ("blue", 226), ("purple", 278),
      ("pink", 335),
      ("brown", 25),
    ] as [(String, Float)]) func coloursHaveTheirHue(name: String, hue: Float) throws
  {
    for index in 0..<12 {
      let colour = try Picture(name, index).hueAndSaturation
      let distance = abs((colour.hue - hue + 540).truncatingRemainder(dividingBy: 360) - 180)
      #expect(distance < 26, "\(name) \(index): hue \(colour.hue)")
      #expect(colour.saturation > 0.2, "\(name) \(index): saturation \(colour.saturation)")
    }
  }

  @Test(
    arguments: [
      ("black", 0..<0.16), ("white", 0.85..<1.01), ("grey", 0.3..<0.72),
    ] as [(String, Range<Float>)])
  func greysHaveTheirBrightness(name: String, range: Range<Float>) throws {
    for index in 0..<12 {
      let luma = try Picture(name, index).luma
      #expect(luma.allSatisfy(range.contains), "\(name) \(index)")
    }
  }

  /// The share of the circumscribed circle that a figure fills tells simple shapes apart.
  @Test(
    arguments: [
      ("circle", 0.9..<1.1), ("square", 0.57..<0.72), ("triangle", 0.3..<0.5), ("star", 0.2..<0.6),
      ("line", 0..<0.3), ("cross", 0.2..<0.7),
    ] as [(String, Range<Float>)]) func figuresFillTheirCircle(name: String, range: Range<Float>) throws
  {
    for index in 0..<12 {
      let figure = try Picture(name, index, size: 96).figure
      #expect(range.contains(figure.fill), "\(name) \(index): \(figure.fill)")
    }
  }

  @Test func ringsAreHollowAndLinesAreLong() throws {
    for index in 0..<12 {
      #expect(try !Picture("ring", index, size: 96).figure.holdsItsCentre, "ring \(index)")
      #expect(try Picture("circle", index, size: 96).figure.holdsItsCentre, "circle \(index)")
      #expect(try Picture("line", index, size: 96).figure.elongation > 4, "line \(index)")
      #expect(try Picture("circle", index, size: 96).figure.elongation < 1.1, "circle \(index)")
    }
  }

  @Test func theRandomPoolIsMixed() throws {
    let means = try (0..<60).map { index in
      let luma = try Picture("random", index, size: 16).luma
      return luma.reduce(0, +) / Float(luma.count)
    }
    #expect(means.min()! < 0.25 && means.max()! > 0.6)
  }
}
