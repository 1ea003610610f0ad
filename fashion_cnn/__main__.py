"`python -m fashion_cnn`: the command `fashion-cnn`, also where its folder is not on the PATH."
import sys

if __name__ == "__main__":    # processes that a training starts read this file too
    from fashion_cnn.cli import main
    sys.exit(main())
