internal import Glibc
internal import NoemaTensor

/// Images that stand for no concept in particular: the negatives of a concept study.
enum RandomPool {
  static let random = ConceptGenerator("random", .random, "a mixed pool of noise, leaves, blobs and patches")
  {
    random in
    switch random.index(below: 5) {
    case 0: scenery(&random)
    case 1, 2: deadLeaves(&random)
    case 3: blobs(&random)
    default: patches(&random)
    }
  }

  /// Noise with the 1/f spectrum of natural scenes, in colours that vary together.
  private static func scenery(_ random: inout RandomNumbers) -> Shade {
    let (a, b) = (Colour.any(&random), Colour.any(&random))
    let tint = Colour.any(&random)
    let frame = Frame(&random)
    let (light, hue) = (SmoothNoise(&random), SmoothNoise(&random))
    let frequency = random.float(2..<6)
    return { place in
      let p = frame(place) * frequency
      let share = (light.fractal(p, octaves: 5) - 0.5) * 1.8 + 0.5
      return a.mixed(with: b, share).mixed(with: tint, 0.5 * hue.fractal(p, octaves: 2))
    }
  }

  /// Discs of all sizes that hide each other, whose edges and scales follow those of photos.
  ///
  /// - Source: Lee, Mumford and Huang, "Occlusion models for natural images", 2001.
  private static func deadLeaves(_ random: inout RandomNumbers) -> Shade {
    let ground = Colour.any(&random)
    let key = Colour.any(&random)
    let leaves = (0..<140).map { _ in
      // Density of radii falls with the cube, between 1/40 of the image and a third of it.
      let radius = 1 / (9 + random.float(0..<1) * (1600 - 9)).squareRoot()
      let centre = Point(random.float(-0.1..<1.1), random.float(-0.1..<1.1))
      return (centre: centre, square: radius * radius, colour: Colour.any(&random).mixed(with: key, 0.3))
    }
    return { place in
      for leaf in leaves {
        let d = place - leaf.centre
        if (d * d).sum() < leaf.square { return leaf.colour }
      }
      return ground
    }
  }

  /// Soft clouds in a few colours.
  private static func blobs(_ random: inout RandomNumbers) -> Shade {
    let colours = (0..<3).map { _ in Colour.any(&random) }
    let (first, second) = (SmoothNoise(&random), SmoothNoise(&random))
    let frame = Frame(&random)
    let frequency = random.float(1.5..<5)
    return { place in
      let p = frame(place) * frequency
      let a = min(1, max(0, first(p) * 3 - 1)), b = min(1, max(0, second(p) * 3 - 1))
      return colours[0].mixed(with: colours[1], a).mixed(with: colours[2], b)
    }
  }

  /// Irregular pieces of several textures and colours side by side.
  private static func patches(_ random: inout RandomNumbers) -> Shade {
    let sources = RegularTextures.all + IrregularTextures.all + Colours.all
    let scenes = (0..<4).map { _ in sources[random.index(below: sources.count)].scene(&random) }
    let cells = SmoothNoise(&random)
    let frame = Frame(&random)
    let frequency = random.float(1.5..<3)
    return { place in
      let owner = cells.nearestPoints(frame(place) * frequency, jitter: 0.9).owner
      return scenes[min(3, Int(owner * 4))](place)
    }
  }
}
