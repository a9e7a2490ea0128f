#!/usr/bin/env python3
"""Reads all of a project with ViRelAy's own classes, as its viewer would: scripts/golden/virelay_project.py PROJECT.

PROJECT is a folder with `project.yaml`, as `noema spray --virelay` writes it, or the path of such a file. Every sample,
every attribution and every pair of embedding and clustering is read, heat maps are drawn in all colour maps, and what
belongs together must. Prints what was found; ends with 1 and the place at the first fault. Needs ViRelAy;
`scripts/virelay-check` installs it and runs this.
"""

import pathlib
import sys
from importlib import metadata

import numpy as np
from virelay.model import Project

COLOUR_MAPS = [
    "gray-red", "black-green", "black-fire-red", "black-yellow", "blue-white-red", "afm-hot", "jet", "seismic"]
#: Drawing is ViRelAy's work, so a few maps do.
DRAWN = 5


def require(condition, text):
    if not condition:
        raise SystemExit(f"virelay_project.py: {text}")


def samples(project):
    """The number of samples, each of which is a colour image with one known label."""
    count, shape = len(project.dataset), None
    for index in range(count):
        sample = project.get_sample(index)
        shape = shape or sample.data.shape
        require(sample.data.dtype == np.uint8, f"sample {index} has elements of {sample.data.dtype}")
        require(sample.data.shape == shape and shape[2] == 3, f"sample {index} has shape {sample.data.shape}")
        require(len(sample.labels) == 1 and sample.labels[0].name, f"sample {index} has labels {sample.labels}")
    require(count > 0, "there are no samples")
    return count


def attributions(project):
    """The label that each attribution is for, by the number of its sample."""
    labels = {}
    for database in project.attributions:
        file = database.attribution_file
        numbers = file["index"][:].tolist() if "index" in file else range(len(file["attribution"]))
        for index in numbers:
            require(index not in labels, f"there are two attributions for sample {index}")
            found = project.get_attribution(index)
            place = f"attribution {index}"
            require(found.index == index, f"{place} claims to be {found.index}")
            require(
                found.data.ndim == 3 and np.isfinite(found.data).all(), f"{place} of {found.data.shape} is not finite")
            require(np.isfinite(found.prediction).all() and found.prediction.size > 0, f"{place} lacks predictions")
            require(len(found.labels) == 1, f"{place} has labels {found.labels}")
            labels[index] = found.labels[0].word_net_id
            if len(labels) <= DRAWN:
                drawn(project, found)
    return labels


def drawn(project, found):
    image = project.get_sample(found.index).data
    for name in COLOUR_MAPS:
        for under, size in ((None, found.data.shape), (image, image.shape)):
            heatmap = found.render_heatmap(name, under)
            require(heatmap.shape == size[:2] + (3,), f"heat map '{name}' of {found.index} has shape {heatmap.shape}")


def analysis(project, method, category, clustering, embedding):
    """The members of one view."""
    view = project.get_analysis(method, category.name, clustering, embedding)
    place = f"{method}, {category.name}, {clustering}, {embedding}"
    members = view.attribution_indices.tolist()
    require(members and len(set(members)) == len(members), f"{place}: members are missing or repeated")
    require(view.embedding.ndim == 2 and len(view.embedding) == len(members), f"{place}: {view.embedding.shape}")
    require(np.isfinite(view.embedding).all(), f"{place}: the embedding is not finite")
    require(view.clustering.shape == (len(members),), f"{place}: clusters of shape {view.clustering.shape}")
    require(view.clustering.dtype.kind == "i" and view.clustering.min() >= -1, f"{place}: clusters are no numbers")
    if view.eigenvalues is not None:
        values = view.eigenvalues
        require(values.shape == (view.embedding.shape[1],), f"{place}: {values.shape} eigenvalues")
        # Its plot takes them from the end.
        require((np.diff(values) <= 0).all() and -1e-6 <= values[-1] and values[0] <= 2, f"{place}: {values}")
    return members


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    path = pathlib.Path(sys.argv[1])
    path = path / "project.yaml" if path.is_dir() else path
    require(path.is_file(), f"there is no {path}")
    project = Project(str(path))
    count = samples(project)
    labels = attributions(project)
    views, spectra = 0, 0
    require(project.get_analysis_methods(), "there are no analyses")
    for method in project.get_analysis_methods():
        require("-" not in method, f"ViRelAy does not find methods with hyphens, such as {method}")
        clusterings = project.get_analysis_clustering_names(method)
        embeddings = project.get_analysis_embedding_names(method)
        require(clusterings and embeddings, f"{method} has no clusterings or no embeddings")
        for category in project.get_analysis_categories(method):
            require(category.human_readable_name, f"category {category.name} has no name")
            members = None
            for clustering in clusterings:
                for embedding in embeddings:
                    found = analysis(project, method, category, clustering, embedding)
                    require(members in (None, found), f"{category.name}: views have different members")
                    members, views = found, views + 1
            spectra += any(
                project.get_analysis(method, category.name, clusterings[0], name).eigenvalues is not None
                for name in embeddings)
            for index in members:
                label = labels.get(index)
                require(label == category.name, f"{category.name} has sample {index}, which is of {label}")
    require(spectra > 0, "no embedding has eigenvalues")
    project.close()
    print(
        f"ViRelAy {metadata.version('virelay')}: {count} samples, {len(labels)} attributions, {views} views of "
        f"embeddings and clusterings, {spectra} spectra")


if __name__ == "__main__":
    main()
