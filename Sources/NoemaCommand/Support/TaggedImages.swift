internal import Noema

/// Images of a demonstration, class after class, of which some carry the tag.
struct TaggedImages {
  let pixels: Tensor
  /// The name of each image's class.
  let labels: [String]
  /// The places of the images with the tag.
  let tagged: Set<Int>

  /// Draws images.
  ///
  /// - Parameters:
  ///   - count: how many of a class; none for 0.
  ///   - isTagged: whether the image of a number within its class carries the tag.
  init(
    of source: FashionImages, seed: UInt64, count: (_ label: Int) -> Int,
    isTagged: (_ label: Int, _ number: Int) -> Bool
  ) {
    var random = RandomNumbers(seed: seed)
    let order = random.sample(source.images.count, below: source.images.count)
    var pixels: [UInt8] = [], labels: [String] = [], tagged: Set<Int> = []
    for label in FashionImages.classNames.indices {
      for (number, index) in order.filter({ source.labels[$0] == label }).prefix(count(label)).enumerated() {
        let carries = isTagged(label, number)
        if carries { tagged.insert(labels.count) }
        pixels += (carries ? source.images[index].withTag() : source.images[index]).pixels
        labels.append(FashionImages.classNames[label])
      }
    }
    self.pixels = Tensor(shape: [labels.count, 28, 28], pixels)
    (self.labels, self.tagged) = (labels, tagged)
  }
}
