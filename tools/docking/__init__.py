"""What docking needs around AutoDock Vina: receptor, ligands, box, maps, the engine, and the judging of poses."""
