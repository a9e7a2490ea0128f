internal import NoemaTensor

/// How alike images look to a layer: the mean cosine between their Gram matrices `G = F Fᵀ`, `F` channels × positions.
///
/// - Source: Olah et al., "Feature Visualization", Distill 2017, after the textures of Gatys et al. 2015.
struct DiversityTerm {
  /// For each image, its mean cosine with the others.
  let similarities: [Double]
  /// The derivative of the sum of the similarities by each `F`.
  let gradients: [Matrix]

  /// Compares two or more images.
  init(_ features: [Matrix]) {
    let count = features.count
    // Gᵢ Fⱼ, from which the products of Gram matrices follow: ⟨Gᵢ, Gⱼ⟩ = ⟨Fⱼ, Gᵢ Fⱼ⟩.
    let products = features.map { first in features.map { Self.gram(of: first, times: $0) } }
    let inner = (0..<count).map { i in
      (0..<count).map { j in zip(features[j].elements, products[i][j].elements).reduce(0) { $0 + $1.0 * $1.1 }
      }
    }
    var similarities = [Double](repeating: 0, count: count), gradients: [Matrix] = []
    for i in 0..<count {
      var gradient = Matrix(rowCount: features[i].rowCount, columnCount: features[i].columnCount)
      // A silent image is like no other.
      for j in 0..<count where j != i && inner[i][i] > 0 && inner[j][j] > 0 {
        let size = (inner[i][i] * inner[j][j]).squareRoot()
        let cosine = inner[j][i] / size
        similarities[i] += cosine / Double(count - 1)
        // The pair counts for both of its images.
        let weight = 2 / Double(count - 1)
        for k in gradient.elements.indices {
          gradient.elements[k] +=
            weight * 2
            * (products[j][i].elements[k] / size - cosine * products[i][i].elements[k] / inner[i][i])
        }
      }
      gradients.append(gradient)
    }
    (self.similarities, self.gradients) = (similarities, gradients)
  }

  /// `A Aᵀ B`, by the smaller of the two products.
  private static func gram(of a: Matrix, times b: Matrix) -> Matrix {
    a.rowCount <= a.columnCount ? a.timesTransposed(a).times(b) : a.times(a.transposedTimes(b))
  }
}
