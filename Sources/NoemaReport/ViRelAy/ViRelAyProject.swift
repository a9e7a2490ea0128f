public import NoemaData
public import NoemaTensor

/// A spectral relevance analysis as a project that ViRelAy opens: images, attributions, embeddings and clusterings.
///
/// Written are `project.yaml`, `label-map.json`, `data.h5`, `attributions.h5` and `analysis.h5`, in the layout that
/// ViRelAy reads, which is that of CoRelAy's meta-analysis rather than that of the published specification. Images and
/// attributions are streamed in batches.
///
/// ```swift
/// let project = ViRelAyProject(
///   name: "horses", model: "vgg16", dataset: "VOC", classes: classes, samples: samples,
///   attributions: attributions, categories: categories)
/// try project.write(to: "virelay")   // then: virelay virelay/project.yaml
/// ```
///
/// - Source: `virelay.model` and `meta_analysis.py` of ViRelAy 1.0.
public struct ViRelAyProject {
  /// A class of the model.
  public struct Label: Sendable, Hashable {
    /// The number of its output, 0 to 65,535.
    public var index: Int
    /// Its name.
    public var name: String
    /// The identifier of its WordNet synset, such as `n02691156`, if it has one.
    public var wordNetID: String?

    /// Makes a class.
    public init(index: Int, name: String, wordNetID: String? = nil) {
      self.index = index
      self.name = name
      self.wordNetID = wordNetID
    }

    /// What the class is called in the analysis file and the label map: the viewer finds the name by it.
    var category: String {
      let digits = String(index)
      return wordNetID ?? String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }
  }

  /// The images of the data set.
  public struct Samples {
    /// The class of each image.
    public var labels: [Int]
    /// Reads images, all of one size, by their numbers.
    public var images: (Range<Int>) throws -> [Image]

    /// Makes the samples.
    public init(labels: [Int], images: @escaping (Range<Int>) throws -> [Image]) {
      self.labels = labels
      self.images = images
    }
  }

  /// Which class attributions are for.
  public enum Strategy: String, Sendable, Hashable, CaseIterable {
    case trueLabel = "true_label"
    case predictedLabel = "predicted_label"
  }

  /// The attributions of some samples.
  public struct Attributions {
    /// The method's name.
    public var method: String
    /// Which class they are for.
    public var strategy: Strategy
    /// The number of the sample that each row is for; none twice.
    public var samples: [Int]
    /// The class that each row is for.
    public var labels: [Int]
    /// The model's outputs.
    ///
    /// - Shapes: `[rows, outputs]`.
    public var predictions: Tensor
    /// Reads rows.
    ///
    /// - Shapes: `[rows, height, width]` or `[rows, channels, height, width]`.
    public var maps: (Range<Int>) throws -> Tensor

    /// Makes the attributions.
    public init(
      method: String, strategy: Strategy, samples: [Int], labels: [Int], predictions: Tensor,
      maps: @escaping (Range<Int>) throws -> Tensor
    ) {
      self.method = method
      self.strategy = strategy
      self.samples = samples
      self.labels = labels
      self.predictions = predictions
      self.maps = maps
    }
  }

  /// Places of a class's samples in some space.
  public struct Embedding: Sendable {
    /// Its name; usual ones are `spectral`, `tsne` and `umap`.
    public var name: String
    /// The places.
    ///
    /// - Shapes: `[samples, dimensions]`.
    public var values: Tensor
    /// The eigenvalue of each dimension, ascending; empty when it is no spectral embedding.
    public var eigenvalues: [Double]
    /// The embedding that this one was made from.
    public var base: String?

    /// Makes an embedding.
    public init(name: String, values: Tensor, eigenvalues: [Double] = [], base: String? = nil) {
      self.name = name
      self.values = values
      self.eigenvalues = eigenvalues
      self.base = base
    }
  }

  /// A division of a class's samples.
  public struct Clustering: Sendable, Hashable {
    /// Its name; usual ones are `kmeans-05`, `dbscan-eps=0.2`, `hdbscan` and `agglomerative-05`.
    public var name: String
    /// The cluster of each sample; −1 for none.
    public var labels: [Int]
    /// The embedding in which clusters were found.
    public var base: String
    /// The number of clusters that was asked for.
    public var clusterCount: Int?

    /// Makes a clustering.
    public init(name: String, labels: [Int], base: String = "spectral", clusterCount: Int? = nil) {
      self.name = name
      self.labels = labels
      self.base = base
      self.clusterCount = clusterCount
    }
  }

  /// The analysis of one class.
  public struct Category: Sendable {
    /// The number of the class.
    public var label: Int
    /// The numbers of its samples, all of which have attributions.
    public var samples: [Int]
    /// Embeddings; those of all classes have the same names.
    public var embeddings: [Embedding]
    /// Clusterings; those of all classes have the same names.
    public var clusterings: [Clustering]

    /// Makes the analysis of a class.
    public init(label: Int, samples: [Int], embeddings: [Embedding], clusterings: [Clustering]) {
      self.label = label
      self.samples = samples
      self.embeddings = embeddings
      self.clusterings = clusterings
    }
  }

  /// Names of the project, of the model and of the data set.
  public var name, model, dataset: String
  /// The classes.
  public var classes: [Label]
  /// The images.
  public var samples: Samples
  /// The attributions.
  public var attributions: Attributions
  /// What the analysis is called; without hyphens, which ViRelAy takes for underscores.
  public var analysisMethod = "Spectral"
  /// The analysed classes.
  public var categories: [Category]
  /// How many images or attributions are read at a time.
  public var batchSize = 256

  /// Makes a project.
  public init(
    name: String, model: String, dataset: String, classes: [Label], samples: Samples,
    attributions: Attributions,
    categories: [Category]
  ) {
    self.name = name
    self.model = model
    self.dataset = dataset
    self.classes = classes
    self.samples = samples
    self.attributions = attributions
    self.categories = categories
  }
}
